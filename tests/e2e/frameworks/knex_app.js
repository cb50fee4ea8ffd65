// An application with Knex: PROGRAM DATABASE migrate VERSION | write NAME COUNT (see test_frameworks.py).
const [,, database, verb, argument, count] = process.argv;

const migrations = {
  1: knex => knex.schema
    .createTable('notes', t => { t.increments('id'); t.string('text'); })
    .createTable('tags', t => { t.increments('id'); t.integer('note_id').references('notes.id'); t.string('text'); }),
  2: knex => knex.schema.alterTable('notes', t => { t.integer('stars').notNullable().defaultTo(0); }),
};

const migrationSource = {
  getMigrations: async () => Object.keys(migrations).filter(version => verb !== 'migrate' || version <= argument),
  getMigrationName: version => version,
  getMigration: async version => ({up: migrations[version], down: async () => {}}),
};

async function main() {
  const knex = require('knex')({
    client: 'better-sqlite3', connection: {filename: database}, useNullAsDefault: true, migrations: {migrationSource},
  });
  if (verb === 'migrate') {
    await knex.migrate.latest();
  } else {
    for (let i = 0; i < count; ++i)
      await knex.transaction(async transaction => {
        const text = `${argument} ${i}`;
        if ((await transaction('notes').where({text})).length) throw new Error('it is there');
        const [note] = await transaction('notes').insert({text});
        await transaction('tags').insert({note_id: note, text});
      });
  }
  await knex.destroy();
}

main().catch(error => { console.error(error); process.exit(1); });
