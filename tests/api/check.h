/* Checks of the tests in C: each says what it found and goes on. */
#ifndef EDGERT_TESTS_API_CHECK_H
#define EDGERT_TESTS_API_CHECK_H

#include <stdio.h>
#include <string.h>

#include "api/edgert.h"

extern int failures;

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) {                                              \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                    \
    }                                                                \
  } while (0)

/* The call succeeds. */
#define OK(call) check_status(__FILE__, __LINE__, #call, call, EDGERT_OK, "", "")

/* The call fails with a status, a rule, and a message that has the words. */
#define REFUSED(call, status, rule, words) \
  check_status(__FILE__, __LINE__, #call, call, status, rule, words)

static void check_status(const char* file, int line, const char* call, edgert_status found,
                         edgert_status status, const char* rule, const char* words) {
  int good = found == status;
  if (found != EDGERT_OK)
    good = good && strcmp(edgert_last_rule(), rule) == 0 && strstr(edgert_last_error(), words);
  if (good) return;
  printf("%s:%d: %s\n  found %s", file, line, call, edgert_status_name(found));
  if (found != EDGERT_OK) printf(", %s, \"%s\"", edgert_last_rule(), edgert_last_error());
  printf("\n  expected %s, %s, \"%s\"\n", edgert_status_name(status), rule, words);
  ++failures;
}

#endif
