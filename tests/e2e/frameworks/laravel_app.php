<?php
// An application with Laravel's database component: PROGRAM DATABASE migrate VERSION | write NAME COUNT (see
// test_frameworks.py).
require 'Illuminate/Database/autoload.php';
require 'Illuminate/Filesystem/autoload.php';

use Illuminate\Database\Capsule\Manager;
use Illuminate\Database\Migrations\DatabaseMigrationRepository;
use Illuminate\Database\Migrations\Migrator;
use Illuminate\Filesystem\Filesystem;

const MIGRATIONS = [
    '2020_01_01_000001_make_notes' => <<<'PHP'
        Manager::schema()->create('notes', function ($t) { $t->id(); $t->string('text'); });
        Manager::schema()->create('tags', function ($t) {
            $t->id(); $t->foreignId('note_id')->constrained(); $t->string('text');
        });
PHP,
    '2020_01_01_000002_add_stars' => <<<'PHP'
        Manager::schema()->table('notes', function ($t) { $t->integer('stars')->default(0); });
PHP,
];

function migrate(Manager $manager, int $version): void
{
    $folder = tempnam(sys_get_temp_dir(), 'laravel');
    unlink($folder);
    mkdir($folder);
    foreach (array_slice(MIGRATIONS, 0, $version) as $name => $body) {
        $class = implode('', array_map('ucfirst', array_slice(explode('_', $name), 4)));
        file_put_contents("$folder/$name.php", "<?php use Illuminate\\Database\\Capsule\\Manager;\n" .
            "class $class extends Illuminate\\Database\\Migrations\\Migration { public function up() {\n$body} }\n");
    }
    $ledger = new DatabaseMigrationRepository($manager->getDatabaseManager(), 'migrations');
    if (!$ledger->repositoryExists()) {
        $ledger->createRepository();
    }
    (new Migrator($ledger, $manager->getDatabaseManager(), new Filesystem()))->run([$folder]);
    array_map('unlink', glob("$folder/*"));
    rmdir($folder);
}

[, $database, $verb, $argument] = $argv;
$manager = new Manager();
$manager->addConnection(['driver' => 'sqlite', 'database' => $database, 'foreign_key_constraints' => true]);
$manager->setAsGlobal();
Manager::connection()->getPdo()->setAttribute(PDO::ATTR_TIMEOUT, 60);

if ($verb === 'migrate') {
    migrate($manager, (int) $argument);
} else {
    for ($i = 0; $i < (int) $argv[4]; ++$i) {
        Manager::connection()->transaction(function () use ($argument, $i) {
            $text = "$argument $i";
            if (Manager::table('notes')->where('text', $text)->exists()) {
                throw new RuntimeException('it is there');
            }
            $note = Manager::table('notes')->insertGetId(['text' => $text]);
            Manager::table('tags')->insert(['note_id' => $note, 'text' => $text]);
        });
    }
}
