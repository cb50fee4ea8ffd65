// The schema engine in JavaScript: the other one is downloaded when it is first used.
const {PrismaBetterSQLite3} = require('@prisma/adapter-better-sqlite3');

module.exports = {
  experimental: {adapter: true},
  engine: 'js',
  schema: 'schema.prisma',
  migrations: {path: process.env.PRISMA_MIGRATIONS},
  adapter: async () => new PrismaBetterSQLite3({url: `file:${process.env.DATABASE}`}),
};
