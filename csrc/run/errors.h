// What ends the program: exit code 1, or 2 for arguments that make no sense.
#pragma once

#include <stdexcept>
#include <string>

#include "api/edgert.h"

namespace edgert::run {

class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& what, int exit_code = 1)
      : std::runtime_error(what), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

inline void require_ok(edgert_status status) {
  if (status != EDGERT_OK)
    throw Failure(std::string(edgert_status_name(status)) + ": " + edgert_last_error());
}

}  // namespace edgert::run
