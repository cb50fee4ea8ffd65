#include "sqlite/statement.h"

#include <sqlite3.h>

#include "sqlite/readable_schema.h"
#include "sqlite/sql_error.h"

namespace harmonylite::sqlite {

Statement::Statement(Statement&& other) noexcept
    : stmt_(std::exchange(other.stmt_, nullptr)),
      marks_(other.marks_),
      bind_error_(other.bind_error_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(stmt_, other.stmt_);
  std::swap(marks_, other.marks_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(stmt_); }

void Statement::Bind(int index, const ValueView& value) {
  int rc = SQLITE_OK;
  switch (value.type) {
    case ValueType::kNull:
      rc = sqlite3_bind_null(stmt_, index);
      break;
    case ValueType::kInteger:
      rc = sqlite3_bind_int64(stmt_, index, value.integer);
      break;
    case ValueType::kReal:
      rc = sqlite3_bind_double(stmt_, index, value.real);
      break;
    case ValueType::kText:
      // SQLite takes a null pointer for NULL, but this text is empty and not absent.
      rc = sqlite3_bind_text64(stmt_, index, value.bytes.empty() ? "" : value.bytes.data(),
                               value.bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
      break;
    case ValueType::kBlob:
      rc = sqlite3_bind_blob64(stmt_, index, value.bytes.empty() ? "" : value.bytes.data(),
                               value.bytes.size(), SQLITE_STATIC);
      break;
  }
  NoteBound(rc);
}

void Statement::Bind(int index, int64_t value) {
  NoteBound(sqlite3_bind_int64(stmt_, index, value));
}

void Statement::Bind(int index, std::string_view text) { Bind(index, ValueView::Text(text)); }

void Statement::BindNull(int index) { NoteBound(sqlite3_bind_null(stmt_, index)); }

// After SQLITE_TOOBIG or SQLITE_NOMEM the parameter is NULL, which must not be written. A parameter
// that does not exist, or a statement that runs, is our bug.
void Statement::NoteBound(int rc) {
  HL_CHECK(rc != SQLITE_RANGE && rc != SQLITE_MISUSE);
  if (rc != SQLITE_OK) bind_error_ = rc;
}

Result<bool> Statement::Step() {
  if (marks_->unread) {
    sqlite3_reset(stmt_);
    return TakeUnread(&marks_->unread);
  }
  if (const int rc = std::exchange(bind_error_, SQLITE_OK); rc != SQLITE_OK) {
    sqlite3_reset(stmt_);
    return MakeError(CodeOf(rc), "a value cannot be handed to SQLite: {} (SQLite {})",
                     sqlite3_errstr(rc), rc);
  }
  const int rc = StepOrLoad(stmt_, &marks_->partial);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) {
    sqlite3_reset(stmt_);
    return false;
  }
  Error error = ErrorOf(sqlite3_db_handle(stmt_), "statement");
  sqlite3_reset(stmt_);
  return error;
}

Status Statement::Run() {
  while (true) {
    HL_ASSIGN(const bool row, Step());
    if (!row) return Ok();
  }
}

Result<std::vector<change::Row>> Statement::AllRows() {
  std::vector<change::Row> out;
  HL_TRY(ForEachRow([&](const Statement& row) { out.push_back(row.Values()); }));
  return out;
}

void Statement::Reset() { sqlite3_reset(stmt_); }

ValueView Statement::Column(int index) const {
  switch (sqlite3_column_type(stmt_, index)) {
    case SQLITE_INTEGER:
      return ValueView::Integer(sqlite3_column_int64(stmt_, index));
    case SQLITE_FLOAT:
      return ValueView::Real(sqlite3_column_double(stmt_, index));
    case SQLITE_TEXT:
      return ValueView::Text(Text(index));
    case SQLITE_BLOB: {
      const auto* data = static_cast<const char*>(sqlite3_column_blob(stmt_, index));
      const auto size = static_cast<size_t>(sqlite3_column_bytes(stmt_, index));
      if (data == nullptr && size != 0) marks_->unread = true;
      return ValueView::Blob(data == nullptr ? std::string_view("") : std::string_view(data, size));
    }
    default:
      return ValueView::Null();
  }
}

int64_t Statement::Int(int index) const { return sqlite3_column_int64(stmt_, index); }

std::string_view Statement::Text(int index) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, index));
  if (data == nullptr) {
    if (!IsNull(index)) marks_->unread = true;
    return "";
  }
  return {data, static_cast<size_t>(sqlite3_column_bytes(stmt_, index))};
}

bool Statement::IsNull(int index) const { return sqlite3_column_type(stmt_, index) == SQLITE_NULL; }

change::Row Statement::Values(int first) const {
  change::Row out;
  for (int i = first; i < columns(); ++i) out.emplace_back(Column(i));
  return out;
}

int Statement::columns() const { return sqlite3_column_count(stmt_); }

}  // namespace harmonylite::sqlite
