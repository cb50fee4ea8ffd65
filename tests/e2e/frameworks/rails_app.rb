# An application with Rails' Active Record: PROGRAM DATABASE migrate VERSION | write NAME COUNT (see
# test_frameworks.py).
require "active_record"

database, verb, argument, count = ARGV
ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: database, timeout: 60_000)
ActiveRecord::Migration.verbose = false

class MakeNotes < ActiveRecord::Migration[6.1]
  def change
    create_table(:notes) { |t| t.string :text }
    create_table(:tags) { |t| t.references :note, foreign_key: true; t.string :text }
  end
end

class AddStars < ActiveRecord::Migration[6.1]
  def change
    add_column :notes, :stars, :integer, null: false, default: 0
  end
end

class Note < ActiveRecord::Base; end
class Tag < ActiveRecord::Base; end

if verb == "migrate"
  migrations = [MakeNotes.new("MakeNotes", 1), AddStars.new("AddStars", 2)].take(argument.to_i)
  ActiveRecord::Migrator.new(:up, migrations, ActiveRecord::SchemaMigration).migrate
else
  count.to_i.times do |number|
    Note.transaction do
      text = "#{argument} #{number}"
      raise "it is there" if Note.where(text: text).exists?
      note = Note.create!(text: text)
      Tag.create!(note_id: note.id, text: text)
    end
  end
end
