// An application with Drizzle: PROGRAM DATABASE migrate VERSION | write NAME COUNT (see test_frameworks.py).
const fs = require('fs');
const os = require('os');
const path = require('path');
const Database = require('better-sqlite3');
const {eq} = require('drizzle-orm');
const {drizzle} = require('drizzle-orm/better-sqlite3');
const {migrate} = require('drizzle-orm/better-sqlite3/migrator');
const {integer, sqliteTable, text} = require('drizzle-orm/sqlite-core');

const [,, database, verb, argument, count] = process.argv;

// As drizzle-kit writes them.
const migrations = [
  'CREATE TABLE `notes` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `text` text NOT NULL);\n' +
  '--> statement-breakpoint\n' +
  'CREATE TABLE `tags` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `note_id` integer, `text` text NOT NULL, ' +
  'FOREIGN KEY (`note_id`) REFERENCES `notes`(`id`));',
  'ALTER TABLE `notes` ADD `stars` integer DEFAULT 0 NOT NULL;',
];
const notes = sqliteTable('notes', {id: integer().primaryKey({autoIncrement: true}), text: text().notNull()});
const tags = sqliteTable('tags', {
  id: integer().primaryKey({autoIncrement: true}),
  note: integer('note_id').references(() => notes.id),
  text: text().notNull(),
});

function migrateTo(db, version) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'drizzle-'));
  const entries = migrations.slice(0, version).map((sql, idx) => ({
    idx, version: '6', when: 1700000000000 + idx, tag: `000${idx}`, breakpoints: true,
  }));
  fs.mkdirSync(path.join(folder, 'meta'));
  entries.forEach(entry => fs.writeFileSync(path.join(folder, `${entry.tag}.sql`), migrations[entry.idx]));
  const journal = {version: '7', dialect: 'sqlite', entries};
  fs.writeFileSync(path.join(folder, 'meta', '_journal.json'), JSON.stringify(journal));
  migrate(db, {migrationsFolder: folder});
  fs.rmSync(folder, {recursive: true});
}

const connection = new Database(database, {timeout: 60000});
connection.pragma('foreign_keys = ON');
const db = drizzle(connection);
if (verb === 'migrate') {
  migrateTo(db, Number(argument));
} else {
  for (let i = 0; i < count; ++i)
    db.transaction(transaction => {
      const text = `${argument} ${i}`;
      if (transaction.select().from(notes).where(eq(notes.text, text)).all().length) throw new Error('it is there');
      const {lastInsertRowid} = transaction.insert(notes).values({text}).run();
      transaction.insert(tags).values({note: Number(lastInsertRowid), text}).run();
    });
}
