// An application with Prisma's client: PROGRAM DATABASE write NAME COUNT (see test_frameworks.py).
const {PrismaBetterSQLite3} = require('@prisma/adapter-better-sqlite3');
const {PrismaClient} = require('./generated');

const [,, database, , name, count] = process.argv;
const adapter = new PrismaBetterSQLite3({url: `file:${database}`, timeout: 60000});
const prisma = new PrismaClient({adapter, errorFormat: 'minimal'});

function write(text) {
  return prisma.$transaction(async transaction => {
    if (await transaction.note.count({where: {text}})) throw new Error('it is there');
    const note = await transaction.note.create({data: {text}});
    await transaction.tag.create({data: {noteId: note.id, text}});
  });
}

// Its transactions begin deferred, read, and stay open between statements for longer than the sidecar waits, on a busy
// machine. Two such processes fail each other without a sidecar as well.
async function withRetries(work) {
  for (let left = 10; ; --left) {
    try {
      return await work();
    } catch (error) {
      if (left === 0 || !/locked|timed out/.test(error.message)) throw error;
    }
  }
}

async function main() {
  for (let i = 0; i < count; ++i) await withRetries(() => write(`${name} ${i}`));
  await prisma.$disconnect();
}

main().catch(error => { console.error(error.message); process.exit(1); });
