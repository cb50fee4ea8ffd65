"""Every HL_MUTANT in src/: its name, and what goes wrong when it is switched on."""

MUTANTS = {
    # merge: who wins
    "compare_removed": "whatever arrives wins, however old",
    "older_wins": "the older of two writes wins",
    "tie_by_arrival": "of two writes with one stamp the first to arrive wins, not the greater node",
    # merge and apply: UNIQUE
    "first_come_keeps_unique": "who holds a unique value keeps it, also against a newer row",
    "settle_oldest_first": "shadowed rows are looked at from the oldest to the newest",
    "freed_not_looked_at": "what a displaced row had blocked is not looked at again",
    "hidden_row_dropped": "a row that gives way is deleted and not kept in the shadow table",
    "blocked_not_woken": "an applied write wakes none of the rows that its row had blocked",
    "freed_value_unnoticed": "a local write wakes none of the rows that its row had blocked",
    "fold_without_settle": "folding alone brings no shadowed row back",
    "shadowed_sent_as_deleted": "a shadowed row is sent as if it were deleted",
    "unique_replaces": "a row removes whoever holds its unique values (OR REPLACE)",
    "displaced_not_journaled": "rows that REPLACE removes are not journaled",
    "displaced_always_counts": "a row that might have been displaced counts as written",
    # capture
    "old_key_forgotten": "an update of the key journals the new key only",
    "clock_goes_back": "stamps follow the wall clock, also backwards",
    "stamps_repeat": "two changes of one node may have the same stamp",
    "step_not_random": "stamps count up by one: a restored file gives those of its former life again",
    "change_restamped": "raising the clock changes the stamp of a change that is journaled",
    "local_delete_forgotten": "folding leaves no tombstone for a local delete",
    "trim_beyond_published": "journal entries are deleted before the log holds them",
    # from journal to batch
    "batch_cut_anywhere": "a batch ends in the middle of a transaction",
    "folded_not_sent": "changes that were folded before they were sent are left out",
    "seen_not_told": "a batch does not say what its writer had seen",
    "unpublished_left_behind": "a new incarnation does not take over what the former had not published",
    # repair
    "repair_without_tombstones": "a repair leaves deleted rows out",
    "repair_range_off_by_one": "a repair leaves out the first change that is missing",
    "repair_without_unfolded": "a repair leaves out own changes that are not folded",
    "trimmed_not_repaired": "a repair leaves out own changes when the journal is trimmed",
    "repair_never_asked": "nobody asks for what the log does not bring",
    "lost_tail_unnoticed": "a node that has published more than we have counts as not ahead",
    # apply
    "echo_applied": "the capture triggers fire for rows of other nodes",
    "foreign_keys_on": "foreign keys are enforced while applying",
    "version_not_replaced": "a winning row is written, its version stays the old one",
    "tombstone_dropped": "a remote delete of an unknown row leaves no tombstone",
    "clock_not_raised": "applying does not raise the clock",
    "fold_after_compare": "local changes are not folded before remote rows are compared",
    "progress_not_saved": "progress is not written with the rows",
    "progress_committed_first": "progress is committed in a transaction before the rows",
    "progress_survives_rollback": "progress counts although the transaction was rolled back",
    "conflict_not_kept": "what lost to a concurrent write is not listed",
    "partial_batch_applied": "a batch is applied when its first frame has come",
    # holds
    "hole_ignored": "a batch is applied though changes before it are missing",
    "causality_hold_skipped": "a batch is applied though what its writer had seen is missing",
    "clock_hold_skipped": "stamps far in the future are accepted",
    "schema_hold_skipped": "a batch is applied though a table differs",
    "column_order_ignored": "columns are taken in the order in which they come",
    "applies_unidentified": "batches are applied before it is clear that this file is no copy",
    # publish
    "copy_not_recognised": "a file restored from an old copy goes on in its former life",
    "published_before_stored": "a batch counts as published before the log holds it",
    "returned_is_stored": "a batch counts as published because the call returned",
    "out_of_sequence_ignored": "the log refuses a frame and the batch goes on",
}
