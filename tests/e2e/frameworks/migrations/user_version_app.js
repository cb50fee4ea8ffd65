// Migrations as applications write them by hand, with PRAGMA user_version as their ledger: PROGRAM DATABASE VERSION
// [NAME]. It prints which of them it ran, as JSON, and then writes a book with its author, if they have a name (see
// test_follow_tools.py).
const [,, filename, version, name] = process.argv;
const db = require('better-sqlite3')(filename, {timeout: 60000});

const migrations = [
  `CREATE TABLE authors (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
   CREATE TABLE books (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     title TEXT,
     year INTEGER,
     remark TEXT,
     author_id INTEGER REFERENCES authors (id)
   );`,
  'ALTER TABLE books ADD COLUMN stars INTEGER NOT NULL DEFAULT 3;',
  `CREATE TABLE books_new (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     title TEXT NOT NULL DEFAULT 'untitled',
     year INTEGER,
     remark TEXT,
     author_id INTEGER REFERENCES authors (id),
     stars INTEGER NOT NULL DEFAULT 3
   );
   INSERT INTO books_new SELECT * FROM books;
   DROP TABLE books;
   ALTER TABLE books_new RENAME TO books;`,
  'ALTER TABLE books RENAME COLUMN year TO published;',
  'CREATE INDEX books_published ON books (published);',
  'ALTER TABLE books DROP COLUMN remark;',
];

// Looks again before each, for another process may be at it.
const next = db.transaction(() => {
  const done = db.pragma('user_version', {simple: true});
  if (done >= version) return null;
  db.exec(migrations[done]);
  db.pragma(`user_version = ${done + 1}`);
  return String(done + 1);
});

db.pragma('journal_mode = WAL');
db.pragma('foreign_keys = OFF');
const ran = [];
for (let one = next.immediate(); one !== null; one = next.immediate()) ran.push(one);
console.log(JSON.stringify(ran));

db.pragma('foreign_keys = ON');
if (name) db.transaction(() => {
  const {lastInsertRowid} = db.prepare('INSERT INTO authors (name) VALUES (?)').run(name);
  const year = version < 4 ? 'year' : 'published';
  db.prepare(`INSERT INTO books (title, ${year}, author_id) VALUES (?, 2000, ?)`).run(name, lastInsertRowid);
}).immediate();
