// Errors as values: Result<T> and Status. An error's code says what the caller should do about it.
//
// Threads: plain values, not shared. A success costs no more than the value and a tag; an error is
// allocated.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace harmonylite {

enum class ErrorCode {
  kRetryLater,       // Busy, disconnected, disk full: the same call may succeed later.
  kConflict,         // Another writer was first, or a constraint refused it: look again.
  kNotFound,         // It does not exist.
  kLogGap,           // The log no longer holds what was asked for: repair.
  kSchemaMismatch,   // Tables differ: hold until a migration.
  kCorruption,       // Bytes are not what was written: never use them.
  kInvalidArgument,  // The operator or the caller must change something.
};

const char* ErrorCodeName(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : rep_(new Rep{code, std::move(message), false}) {}

  ErrorCode code() const { return rep_->code; }
  const std::string& message() const { return rep_->message; }

  // True for a kRetryLater whose cause ends by itself within moments, such as another connection's
  // lock. The cause of any other kRetryLater, such as a full disk, may need the operator.
  bool passing() const { return rep_->passing; }

  // Returns the same error with "context: " in front of its message.
  Error Wrap(std::string_view context) && {
    rep_->message = fmt::format("{}: {}", context, rep_->message);
    return std::move(*this);
  }
  // Returns the same error as a passing() one.
  Error Passing() && {
    rep_->passing = true;
    return std::move(*this);
  }
  // An error is moved, as a rule. This is for a caller that must keep the original.
  Error Copy() const { return Error(std::make_unique<Rep>(*rep_)); }

 private:
  struct Rep {
    ErrorCode code;
    std::string message;
    bool passing = false;
  };
  explicit Error(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
  std::unique_ptr<Rep> rep_;
};

// Prints the message and aborts. It is for broken invariants only, that is, for bugs in
// HarmonyLite, and never for bad input.
[[noreturn]] void Panic(const char* file, int line, std::string_view message);

#define HL_CHECK(condition)                                           \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::harmonylite::Panic(__FILE__, __LINE__, "check: " #condition); \
  } while (false)

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return *Checked(); }
  const T& value() const& { return *const_cast<Result*>(this)->Checked(); }
  T&& value() && { return std::move(*Checked()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return Checked(); }
  const T* operator->() const { return const_cast<Result*>(this)->Checked(); }

  const Error& error() const& {
    HL_CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    HL_CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  T* Checked() {
    HL_CHECK(ok());
    return std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

// Status is a Result without a value.
struct Unit {};
using Status = Result<Unit>;
inline Status Ok() { return Status(Unit{}); }

template <typename... Args>
Error MakeError(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// HL_TRY(expr) returns from the function if the Status `expr` is an error. HL_ASSIGN(decl, expr)
// returns from it if the Result `expr` is an error, and otherwise initialises or assigns `decl`
// with the value.
#define HL_TRY(expr)                       \
  do {                                     \
    auto hl_status = (expr);               \
    if (!hl_status.ok()) [[unlikely]]      \
      return std::move(hl_status).error(); \
  } while (false)
#define HL_CONCAT2(a, b) a##b
#define HL_CONCAT(a, b) HL_CONCAT2(a, b)
#define HL_ASSIGN(decl, expr) HL_ASSIGN_IMPL(HL_CONCAT(hl_result_, __LINE__), decl, expr)
#define HL_ASSIGN_IMPL(temp, decl, expr) \
  auto temp = (expr);                    \
  if (!temp.ok()) [[unlikely]]           \
    return std::move(temp).error();      \
  decl = std::move(temp).value()

}  // namespace harmonylite
