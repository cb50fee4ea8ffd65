// An application with Go's database/sql: PROGRAM DATABASE migrate VERSION | write NAME COUNT (see
// test_frameworks.py). It keeps the version of its schema in PRAGMA user_version.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"os"
	"strconv"

	_ "modernc.org/sqlite"
)

var migrations = []string{
	`CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL);
	 CREATE TABLE tags(id INTEGER PRIMARY KEY AUTOINCREMENT, note_id INTEGER REFERENCES notes(id), text TEXT NOT NULL)`,
	`ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 0`,
}

func migrate(db *sql.DB, version int) error {
	var now int
	if err := db.QueryRow("PRAGMA user_version").Scan(&now); err != nil {
		return err
	}
	for ; now < version; now++ {
		if _, err := db.Exec(fmt.Sprintf("BEGIN; %s; PRAGMA user_version = %d; COMMIT", migrations[now], now+1)); err != nil {
			return err
		}
	}
	return nil
}

// The transaction begins deferred, reads, and then writes: database/sql's default.
func write(db *sql.DB, text string) error {
	transaction, err := db.Begin()
	if err != nil {
		return err
	}
	defer transaction.Rollback()
	var there int
	if err := transaction.QueryRow("SELECT count(*) FROM notes WHERE text = ?", text).Scan(&there); err != nil {
		return err
	}
	if there != 0 {
		return fmt.Errorf("%s is there", text)
	}
	note, err := transaction.Exec("INSERT INTO notes(text) VALUES(?)", text)
	if err != nil {
		return err
	}
	id, err := note.LastInsertId()
	if err != nil {
		return err
	}
	if _, err := transaction.Exec("INSERT INTO tags(note_id, text) VALUES(?, ?)", id, text); err != nil {
		return err
	}
	return transaction.Commit()
}

func run(arguments []string) error {
	db, err := sql.Open("sqlite", "file:"+arguments[0]+"?_pragma=busy_timeout(60000)")
	if err != nil {
		return err
	}
	defer db.Close()
	if arguments[1] == "migrate" {
		version, err := strconv.Atoi(arguments[2])
		if err != nil {
			return err
		}
		return migrate(db, version)
	}
	count, err := strconv.Atoi(arguments[3])
	for i := 0; err == nil && i < count; i++ {
		err = write(db, fmt.Sprintf("%s %d", arguments[2], i))
	}
	return err
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}
