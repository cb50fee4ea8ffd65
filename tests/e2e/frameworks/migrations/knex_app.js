// Knex's migrations: PROGRAM DATABASE VERSION [NAME]. It prints which migrations it ran, as JSON, and then writes a book
// with its author, if they have a name (see test_follow_tools.py).
const [,, filename, version, name] = process.argv;

const migrations = {
  1: async knex => {
    await knex.schema.createTable('authors', t => { t.increments('id'); t.string('name').notNullable(); });
    await knex.schema.createTable('books', t => {
      t.increments('id');
      t.string('title');
      t.integer('year');
      t.string('remark');
      t.integer('author_id').references('authors.id');
    });
  },
  2: knex => knex.schema.alterTable('books', t => { t.integer('stars').notNullable().defaultTo(3); }),
  // Knex writes the table anew.
  3: knex => knex.schema.alterTable('books', t => { t.string('title', 100).notNullable().defaultTo('untitled').alter(); }),
  4: knex => knex.schema.alterTable('books', t => { t.renameColumn('year', 'published'); }),
  5: knex => knex.schema.alterTable('books', t => { t.index(['published'], 'books_published'); }),
  // And again.
  6: knex => knex.schema.alterTable('books', t => { t.dropColumn('remark'); }),
};

const migrationSource = {
  getMigrations: async () => Object.keys(migrations).filter(one => one <= version),
  getMigrationName: one => one,
  getMigration: async one => ({up: migrations[one], down: async () => {}}),
};

async function main() {
  const knex = require('knex')({
    client: 'better-sqlite3', connection: {filename}, useNullAsDefault: true, migrations: {migrationSource},
    pool: {afterCreate: (db, done) => { db.pragma('busy_timeout = 60000'); db.pragma('foreign_keys = ON'); done(); }},
  });
  const [, ran] = await knex.migrate.latest();
  console.log(JSON.stringify(ran));
  if (name) await knex.transaction(async transaction => {
    const [author] = await transaction('authors').insert({name});
    await transaction('books').insert({title: name, [version < 4 ? 'year' : 'published']: 2000, author_id: author});
  });
  await knex.destroy();
}

main().catch(error => { console.error(error); process.exit(1); });
