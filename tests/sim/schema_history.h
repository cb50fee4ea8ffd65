// Histories of schemas: applications on all nodes change their schema as they like, at once and cut
// off from each other, while rows flow, sidecars crash and the log loses records. The nodes follow
// each other and must end with one schema, from which nothing is missing.
//
// These histories have an application and checks of their own (schema_app.h), because the other
// checkers know the tables of the other application.
// Threads: one, as simulation.h says.
#pragma once

#include "sim/simulation.h"

namespace harmonylite::sim {

// True if the history of this seed is one of schemas.
bool DrawsSchemas(const HistoryOptions& options);
HistoryReport RunSchemaHistory(const HistoryOptions& options);

}  // namespace harmonylite::sim
