// conf/result.h – A value, or what was wrong with the text it should have come from.
//
// Purpose: the return type of everything that may fail because of what an operator wrote. Nothing here throws.
// Threads: plain values.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ringproxy::conf {

// One mistake: where it stands, which option it is about, what is wrong with which value and what the bound is.
struct Error {
  std::string file;     // Empty when the value came from no file.
  int line = 0;         // From 1; 0 = unknown.
  int column = 0;       // From 1.
  std::string path;     // pools.sessions.timeouts.request, listeners[0].name; empty for the file as a whole.
  std::string message;  // 0ms is below the least, 1ms

  // ringproxy.yaml:14:7: pools.sessions.timeouts.request: 0ms is below the least, 1ms
  std::string ToString() const;
  bool operator==(const Error&) const = default;
};

using Errors = std::vector<Error>;

// One error a line, each with its line break. Very long lists are cut and say how many are left out.
std::string ToString(const Errors& errors);

// What is wrong with one text, seen without its place: "30 lacks a unit: us, ms, s, m or h".
struct Problem {
  std::string text;
};

// Either a T or an E, never both. value() and errors() assert that they are asked of the right one.
template <class T, class E = Errors>
class Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(E errors) : state_(std::in_place_index<1>, std::move(errors)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }

  const E& errors() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, E> state_;
};

}  // namespace ringproxy::conf
