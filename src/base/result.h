// Errors as values: Result<T> and Status, with codes named by what the caller should do.
//
// Threads: values, no sharing. Cost: one pointer when it succeeded.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace harmonylite {

enum class ErrorCode {
  kRetryLater,       // busy, disconnected, disk full: the same call may succeed later
  kConflict,         // somebody else changed it first, or a constraint refused it: look again
  kNotFound,         // it does not exist
  kLogGap,           // the log no longer holds what was asked for: repair
  kSchemaMismatch,   // tables differ: hold until a migration
  kCorruption,       // bytes are not what was written: never use them
  kInvalidArgument,  // the operator or the caller must change something
};

const char* ErrorCodeName(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : rep_(new Rep{code, std::move(message)}) {}

  ErrorCode code() const { return rep_->code; }
  const std::string& message() const { return rep_->message; }

  // The same error with "context: " in front of its message.
  Error Wrap(std::string_view context) && {
    rep_->message = fmt::format("{}: {}", context, rep_->message);
    return std::move(*this);
  }

 private:
  struct Rep {
    ErrorCode code;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

// Prints the message and aborts. For broken invariants only: "our bug", never bad input.
[[noreturn]] void Panic(const char* file, int line, std::string_view message);

#define HL_CHECK(condition)                                            \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::harmonylite::Panic(__FILE__, __LINE__, "check: " #condition);  \
  } while (false)

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
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

// A Result without a value.
struct Unit {};
using Status = Result<Unit>;
inline Status Ok() { return Status(Unit{}); }

template <typename... Args>
Error MakeError(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// HL_TRY(expr): returns the error of a Status. HL_ASSIGN(decl, expr): likewise, else binds the value.
#define HL_TRY(expr)                                              \
  do {                                                            \
    auto hl_status = (expr);                                      \
    if (!hl_status.ok()) [[unlikely]]                             \
      return std::move(hl_status).error();                        \
  } while (false)
#define HL_CONCAT2(a, b) a##b
#define HL_CONCAT(a, b) HL_CONCAT2(a, b)
#define HL_ASSIGN(decl, expr) HL_ASSIGN_IMPL(HL_CONCAT(hl_result_, __LINE__), decl, expr)
#define HL_ASSIGN_IMPL(temp, decl, expr)                          \
  auto temp = (expr);                                             \
  if (!temp.ok()) [[unlikely]]                                    \
    return std::move(temp).error();                               \
  decl = std::move(temp).value()

}  // namespace harmonylite
