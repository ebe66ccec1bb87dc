/* The C API as a program in C sees it: api_test FLOATS.edgert, which tests/golden has. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

int failures = 0;

enum { OUTPUTS = 19, MOST_STEPS = 200 };

static const char* path; /* of the model */
static unsigned char* content;
static size_t content_bytes;

/* A model, and arrays for a run. */
typedef struct Fixture {
  edgert_model* model;
  edgert_input_array in;
  edgert_output_array out[OUTPUTS];
} Fixture;

static void* allocate(size_t bytes) {
  void* memory = malloc(bytes);
  if (memory == NULL) abort();
  return memory;
}

static Fixture make_fixture(void) {
  Fixture f;
  edgert_tensor tensor = EDGERT_TENSOR_INIT;
  size_t i;
  OK(edgert_load_memory(content, content_bytes, NULL, &f.model));
  if (f.model == NULL) abort();
  OK(edgert_get_input(f.model, 0, &tensor));
  f.in.bytes = tensor.bytes;
  f.in.data = allocate(tensor.bytes);
  for (i = 0; i < tensor.bytes / sizeof(float); ++i) ((float*)f.in.data)[i] = (float)(i % 7) - 3.0f;
  for (i = 0; i < OUTPUTS; ++i) {
    OK(edgert_get_output(f.model, i, &tensor));
    f.out[i].bytes = tensor.bytes;
    f.out[i].data = allocate(tensor.bytes);
    memset(f.out[i].data, 0x55, tensor.bytes);
  }
  return f;
}

static void free_fixture(Fixture* f) {
  size_t i;
  free((void*)f->in.data);
  for (i = 0; i < OUTPUTS; ++i) free(f->out[i].data);
  edgert_free(f->model);
}

static edgert_status run(const Fixture* f) {
  return edgert_run(f->model, &f->in, 1, f->out, OUTPUTS, NULL);
}

static void test_version(void) {
  CHECK(edgert_api_version() == EDGERT_API_VERSION);
  CHECK(strchr(edgert_version(), '.') != NULL);
  CHECK(strcmp(edgert_status_name(EDGERT_ERROR_OVERLAP), "OVERLAP") == 0);
  CHECK(strcmp(edgert_status_name(77), "?") == 0);
  CHECK(strcmp(edgert_dtype_name(EDGERT_FLOAT16), "float16") == 0);
  CHECK(edgert_dtype_bytes(EDGERT_FLOAT64) == 8);
  CHECK(edgert_dtype_bytes(0) == 0);
  CHECK(edgert_dtype_bytes(256 + EDGERT_FLOAT64) == 0);
  CHECK(edgert_dtype_bytes(-1) == 0);
}

static void test_null_pointers(void) {
  Fixture f = make_fixture();
  edgert_model* model = f.model;
  edgert_info info = EDGERT_INFO_INIT;
  edgert_tensor tensor = EDGERT_TENSOR_INIT;
  edgert_step step = EDGERT_STEP_INIT;
  const char* text;
  const void* data;
  size_t bytes;
  edgert_bench_result result = EDGERT_BENCH_RESULT_INIT;
  const edgert_status null = EDGERT_ERROR_NULL;

  edgert_free(NULL);
  REFUSED(edgert_load(NULL, NULL, &model), null, "NULL", "path");
  CHECK(model == NULL);
  REFUSED(edgert_load(path, NULL, NULL), null, "NULL", "place for the model");
  REFUSED(edgert_load_memory(NULL, 1, NULL, &model), null, "NULL", "content");
  REFUSED(edgert_load_memory(NULL, 0, NULL, &model), EDGERT_ERROR_FORMAT, "TRUNCATED", "empty");

  REFUSED(edgert_get_info(NULL, &info), null, "NULL", "the model is a null pointer");
  REFUSED(edgert_get_input(NULL, 0, &tensor), null, "NULL", "the model");
  REFUSED(edgert_get_output(NULL, 0, &tensor), null, "NULL", "the model");
  REFUSED(edgert_get_step(NULL, 0, &step), null, "NULL", "the model");
  REFUSED(edgert_get_metadata(NULL, 0, &text, &text), null, "NULL", "the model");
  REFUSED(edgert_get_file(NULL, &data, &bytes), null, "NULL", "the model");
  REFUSED(edgert_run(NULL, &f.in, 1, f.out, OUTPUTS, NULL), null, "NULL", "the model");
  REFUSED(edgert_bench(NULL, &f.in, 1, f.out, OUTPUTS, NULL, &result), null, "NULL", "the model");

  REFUSED(edgert_get_info(f.model, NULL), null, "NULL", "edgert_info");
  REFUSED(edgert_get_input(f.model, 0, NULL), null, "NULL", "edgert_tensor");
  REFUSED(edgert_get_output(f.model, 0, NULL), null, "NULL", "edgert_tensor");
  REFUSED(edgert_get_step(f.model, 0, NULL), null, "NULL", "edgert_step");
  REFUSED(edgert_get_metadata(f.model, 0, NULL, &text), null, "NULL", "key");
  REFUSED(edgert_get_metadata(f.model, 0, &text, NULL), null, "NULL", "value");
  REFUSED(edgert_get_file(f.model, NULL, &bytes), null, "NULL", "address");
  REFUSED(edgert_get_file(f.model, &data, NULL), null, "NULL", "size");
  REFUSED(edgert_get_levels(NULL), null, "NULL", "edgert_levels");
  REFUSED(edgert_run(f.model, NULL, 1, f.out, OUTPUTS, NULL), null, "NULL", "inputs");
  REFUSED(edgert_run(f.model, &f.in, 1, NULL, OUTPUTS, NULL), null, "NULL", "outputs");
  REFUSED(edgert_bench(f.model, &f.in, 1, f.out, OUTPUTS, NULL, NULL), null, "NULL", "result");
  free((void*)f.in.data);
  f.in.data = NULL;
  REFUSED(run(&f), null, "NULL", "'x0'");
  free_fixture(&f);
}

static void test_structs_of_other_sizes(void) {
  Fixture f = make_fixture();
  edgert_load_options load = EDGERT_LOAD_OPTIONS_INIT;
  edgert_run_options options = EDGERT_RUN_OPTIONS_INIT;
  edgert_info info = EDGERT_INFO_INIT;
  edgert_model* model;
  const edgert_status wrong = EDGERT_ERROR_ARGUMENT;
  load.struct_size = 0;
  REFUSED(edgert_load(path, &load, &model), wrong, "STRUCT", "edgert_load_options");
  load.struct_size = sizeof load + 8;
  REFUSED(edgert_load(path, &load, &model), wrong, "STRUCT", "older than the header");
  options.struct_size = 1;
  REFUSED(edgert_run(f.model, &f.in, 1, f.out, OUTPUTS, &options), wrong, "STRUCT", "edgert_run");
  info.struct_size -= 1;
  REFUSED(edgert_get_info(f.model, &info), wrong, "STRUCT", "edgert_info");
  free_fixture(&f);
}

static void test_description(void) {
  Fixture f = make_fixture();
  edgert_info info = EDGERT_INFO_INIT;
  edgert_tensor tensor = EDGERT_TENSOR_INIT;
  edgert_step step = EDGERT_STEP_INIT;
  edgert_levels levels = EDGERT_LEVELS_INIT;
  const void* data;
  const char *key, *value;
  size_t bytes, i;
  OK(edgert_get_info(f.model, &info));
  CHECK(info.inputs == 1 && info.outputs == OUTPUTS && info.steps <= MOST_STEPS);
  CHECK(info.threads == edgert_usable_cpus());
  CHECK(info.file_copied == content_bytes && info.weights_mapped == 0 && info.arena > 0);
  CHECK(info.operations > 0);
  OK(edgert_get_levels(&levels));
  CHECK(levels.active >= 1 && levels.active <= levels.detected);
  CHECK(strcmp(levels.names[0], "portable") == 0);
  CHECK(strcmp(info.level, levels.names[levels.active - 1]) == 0);
  CHECK(edgert_usable_memory() > 0);

  OK(edgert_get_input(f.model, 0, &tensor));
  CHECK(strcmp(tensor.name, "x0") == 0 && tensor.dtype == EDGERT_FLOAT32 && tensor.rank == 4);
  CHECK(tensor.dims[0] == 1 && tensor.dims[1] == 6 && tensor.dims[2] == 7 && tensor.dims[3] == 6);
  CHECK(tensor.bytes == 6 * 7 * 6 * 4);
  OK(edgert_get_output(f.model, 1, &tensor));
  CHECK(strcmp(tensor.name, "conv_transpose") == 0);
  for (i = 0; i < info.steps; ++i) {
    OK(edgert_get_step(f.model, i, &step));
    CHECK(step.op[0] != 0 && step.kernel[0] != 0 && step.rank <= 8 && step.name != NULL);
  }
  for (i = 0; i < info.metadata; ++i) {
    OK(edgert_get_metadata(f.model, i, &key, &value));
    CHECK(key[0] != 0 && value != NULL);
  }
  OK(edgert_get_file(f.model, &data, &bytes));
  CHECK(bytes == content_bytes && memcmp(data, content, bytes) == 0);

  REFUSED(edgert_get_input(f.model, 1, &tensor), EDGERT_ERROR_ARGUMENT, "INDEX", "input 1 of 1");
  REFUSED(edgert_get_output(f.model, SIZE_MAX, &tensor), EDGERT_ERROR_ARGUMENT, "INDEX", "output");
  REFUSED(edgert_get_step(f.model, info.steps, &step), EDGERT_ERROR_ARGUMENT, "INDEX", "step");
  REFUSED(edgert_get_metadata(f.model, info.metadata, &key, &value), EDGERT_ERROR_ARGUMENT, "INDEX",
          "metadata");
  free_fixture(&f);
}

static void test_run(void) {
  Fixture f = make_fixture(), g = make_fixture();
  double step_ms[MOST_STEPS];
  edgert_info info = EDGERT_INFO_INIT;
  edgert_run_options options = EDGERT_RUN_OPTIONS_INIT;
  size_t i;
  OK(edgert_get_info(f.model, &info));
  OK(run(&f));
  options.step_ms = step_ms;
  options.steps = info.steps;
  for (i = 0; i < info.steps; ++i) step_ms[i] = -1;
  OK(edgert_run(g.model, &g.in, 1, g.out, OUTPUTS, &options));
  for (i = 0; i < info.steps; ++i) CHECK(step_ms[i] >= 0);
  for (i = 0; i < OUTPUTS; ++i) CHECK(memcmp(f.out[i].data, g.out[i].data, f.out[i].bytes) == 0);
  options.steps -= 1;
  REFUSED(edgert_run(g.model, &g.in, 1, g.out, OUTPUTS, &options), EDGERT_ERROR_SIZE, "COUNT",
          "times");
  free_fixture(&f);
  free_fixture(&g);
}

/* Refused arrays leave the outputs as they were. */
static void test_arrays_that_do_not_fit(void) {
  Fixture f = make_fixture(), g;
  unsigned char* memory = allocate(f.in.bytes + f.out[0].bytes + 16);
  const edgert_status size = EDGERT_ERROR_SIZE, overlap = EDGERT_ERROR_OVERLAP;
  size_t i;

  REFUSED(edgert_run(f.model, &f.in, 0, f.out, OUTPUTS, NULL), size, "COUNT",
          "0 arrays for inputs");
  REFUSED(edgert_run(f.model, &f.in, 2, f.out, OUTPUTS, NULL), size, "COUNT", "expected 1");
  REFUSED(edgert_run(f.model, &f.in, 1, f.out, 3, NULL), size, "COUNT", "3 arrays for outputs");
  for (i = 0; i < 4; ++i) {
    const size_t wrong[] = {0, f.in.bytes - 1, f.in.bytes + 1, SIZE_MAX};
    g = f;
    g.in.bytes = wrong[i];
    REFUSED(run(&g), size, "SIZE", "'x0': expected 1008 bytes, float32[1, 6, 7, 6], found");
    g = f;
    g.out[2].bytes = wrong[i];
    REFUSED(run(&g), size, "SIZE", "'max_pool'");
  }

  g = f;
  g.in.data = memory + 1;
  REFUSED(run(&g), EDGERT_ERROR_ALIGNMENT, "ALIGNMENT", "'x0'");
  g = f;
  g.out[0].data = memory + 2;
  REFUSED(run(&g), EDGERT_ERROR_ALIGNMENT, "ALIGNMENT", "'concat'");

  g = f;
  g.out[1].data = g.out[0].data;
  REFUSED(run(&g), overlap, "OVERLAP", "overlaps another array");
  g = f;
  g.in.data = memory;
  g.out[0].data = memory + g.in.bytes - 4;
  REFUSED(run(&g), overlap, "OVERLAP", "'concat'");
  g.out[0].data = memory;
  g.in.data = memory + g.out[0].bytes - 4;
  REFUSED(run(&g), overlap, "OVERLAP", "'concat'");
  for (i = 0; i < OUTPUTS; ++i) CHECK(*(unsigned char*)f.out[i].data == 0x55);
  memset(memory, 0, f.in.bytes + f.out[0].bytes);
  g.in.data = memory + g.out[0].bytes; /* side by side is fine */
  OK(run(&g));
  free(memory);
  free_fixture(&f);
}

static void test_options_that_make_no_sense(void) {
  edgert_model* model;
  edgert_info info = EDGERT_INFO_INIT;
  edgert_load_options options = EDGERT_LOAD_OPTIONS_INIT;
  const edgert_load_options defaults = EDGERT_LOAD_OPTIONS_INIT;
  const edgert_status wrong = EDGERT_ERROR_ARGUMENT;
  options.threads = 0;
  REFUSED(edgert_load(path, &options, &model), wrong, "ARGUMENT", "threads is 0");
  options.threads = INT64_MIN;
  REFUSED(edgert_load(path, &options, &model), wrong, "ARGUMENT", "expected a positive number");
  options = defaults;
  options.max_operations = -1;
  REFUSED(edgert_load(path, &options, &model), wrong, "ARGUMENT", "max_operations is -1");
  options = defaults;
  options.flags = 4;
  REFUSED(edgert_load(path, &options, &model), wrong, "ARGUMENT", "flags is 0x4");
  options.flags = EDGERT_MAP;
  REFUSED(edgert_load_memory(content, content_bytes, &options, &model), wrong, "ARGUMENT", "MAP");

  options = defaults;
  options.threads = 1000000;
  OK(edgert_load(path, &options, &model));
  OK(edgert_get_info(model, &info));
  CHECK(info.threads == edgert_usable_cpus());
  edgert_free(model);
}

static void test_limits(void) {
  edgert_model* model;
  edgert_info info = EDGERT_INFO_INIT;
  edgert_load_options options = EDGERT_LOAD_OPTIONS_INIT;
  uint64_t need;
  OK(edgert_load(path, NULL, &model));
  OK(edgert_get_info(model, &info));
  edgert_free(model);
  need = info.file_copied + info.weights_repacked + info.tables + info.arena;
  options.memory_limit = need;
  options.max_operations = info.operations;
  OK(edgert_load(path, &options, &model));
  edgert_free(model);
  options.memory_limit = need - 1;
  REFUSED(edgert_load(path, &options, &model), EDGERT_ERROR_LIMIT, "MEMORY", "the limit is");
  options.memory_limit = 0;
  REFUSED(edgert_load(path, &options, &model), EDGERT_ERROR_LIMIT, "MEMORY", "the limit is 0");
  options.memory_limit = need;
  options.max_operations = info.operations - 1;
  REFUSED(edgert_load(path, &options, &model), EDGERT_ERROR_LIMIT, "OPERATIONS", "operations");
}

static void test_damaged_files(void) {
  edgert_model* model;
  unsigned char* file = allocate(content_bytes);
#define WITH(at, byte) (memcpy(file, content, content_bytes), file[at] = (byte))
#define LOAD(bytes) edgert_load_memory(file, bytes, NULL, &model)
  WITH(8, 1);
  REFUSED(LOAD(content_bytes), EDGERT_ERROR_VERSION, "VERSION", "version 1, this edgert reads");
  WITH(8, 200);
  REFUSED(LOAD(content_bytes), EDGERT_ERROR_VERSION, "VERSION", "upgrade edgert");
  WITH(12, 1);
  file[13] = 2, file[14] = 3, file[15] = 4;
  REFUSED(LOAD(content_bytes), EDGERT_ERROR_FORMAT, "ENDIAN", "the file is big-endian");
  REFUSED(LOAD(content_bytes), EDGERT_ERROR_FORMAT, "ENDIAN", "is little-endian");
  WITH(12, 9);
  REFUSED(LOAD(content_bytes), EDGERT_ERROR_FORMAT, "ENDIAN", "byte order tag");
  WITH(content_bytes - 1, content[content_bytes - 1] ^ 1);
  REFUSED(LOAD(content_bytes), EDGERT_ERROR_INTEGRITY, "CHECKSUM", "'data'");
  REFUSED(LOAD(content_bytes - 1), EDGERT_ERROR_FORMAT, "TRUNCATED", "cut off");
  REFUSED(LOAD(20), EDGERT_ERROR_FORMAT, "TRUNCATED", "inside its header");
  WITH(0, 'P');
  REFUSED(LOAD(content_bytes), EDGERT_ERROR_FORMAT, "MAGIC", "not an .edgert file");
  CHECK(model == NULL);
  free(file);
  REFUSED(edgert_load("/no\033/such", NULL, &model), EDGERT_ERROR_IO, "IO", "/no\\x1b/such");
  REFUSED(edgert_load("/", NULL, &model), EDGERT_ERROR_IO, "IO", "not a regular file");
}

static void test_mapped(void) {
  Fixture f = make_fixture();
  edgert_model* model;
  edgert_info info = EDGERT_INFO_INIT;
  edgert_load_options options = EDGERT_LOAD_OPTIONS_INIT;
  const void* data;
  size_t bytes, i;
  OK(run(&f));
  options.flags = EDGERT_MAP | EDGERT_VERIFY;
  OK(edgert_load(path, &options, &model));
  OK(edgert_get_info(model, &info));
  CHECK(info.weights_mapped > 0 && info.file_copied < content_bytes);
  for (i = 0; i < OUTPUTS; ++i) {
    void* expected = f.out[i].data;
    f.out[i].data = allocate(f.out[i].bytes);
    OK(edgert_run(model, &f.in, 1, f.out, OUTPUTS, NULL));
    CHECK(memcmp(f.out[i].data, expected, f.out[i].bytes) == 0);
    free(expected);
  }
  REFUSED(edgert_get_file(model, &data, &bytes), EDGERT_ERROR_ARGUMENT, "ARGUMENT", "mapped");
  edgert_free(model);
  free_fixture(&f);
}

static void test_forced_level(void) {
  const char* const before = getenv("EDGERT_ISA");
  char* const kept = before == NULL ? NULL : strdup(before);
  edgert_model* model;
  edgert_info info = EDGERT_INFO_INIT;
  edgert_levels levels = EDGERT_LEVELS_INIT;
  setenv("EDGERT_ISA", "portable", 1);
  OK(edgert_load(path, NULL, &model));
  OK(edgert_get_info(model, &info));
  CHECK(strcmp(info.level, "portable") == 0);
  edgert_free(model);
  setenv("EDGERT_ISA", "abacus\n", 1);
  REFUSED(edgert_load(path, NULL, &model), EDGERT_ERROR_UNSUPPORTED, "ISA", "portable");
  CHECK(strstr(edgert_last_error(), "abacus\\x0a") != NULL);
  REFUSED(edgert_get_levels(&levels), EDGERT_ERROR_UNSUPPORTED, "ISA", "no such level");
  CHECK(levels.detected >= 1 && levels.active == 0);
  if (kept == NULL)
    unsetenv("EDGERT_ISA");
  else
    setenv("EDGERT_ISA", kept, 1);
  free(kept);
}

static int stop(void* context) {
  ++*(int*)context;
  return 1;
}

/* A measurement of years, which the caller ends. */
static void test_stop(void) {
  Fixture f = make_fixture();
  int asked = 0;
  edgert_bench_options options = EDGERT_BENCH_OPTIONS_INIT;
  edgert_bench_result result = EDGERT_BENCH_RESULT_INIT;
  options.seconds = 1e9;
  options.stop = stop;
  options.stop_context = &asked;
  REFUSED(edgert_bench(f.model, &f.in, 1, f.out, OUTPUTS, &options, &result), EDGERT_INTERRUPTED,
          "INTERRUPTED", "interrupted");
  CHECK(asked == 1);
  OK(run(&f));
  free_fixture(&f);
}

static void test_bench(void) {
  Fixture f = make_fixture();
  double step_ms[MOST_STEPS];
  edgert_info info = EDGERT_INFO_INIT;
  edgert_bench_options options = EDGERT_BENCH_OPTIONS_INIT;
  edgert_bench_result result = EDGERT_BENCH_RESULT_INIT;
  OK(edgert_get_info(f.model, &info));
  options.runs = 7;
  options.step_ms = step_ms;
  options.steps = info.steps;
  OK(edgert_bench(f.model, &f.in, 1, f.out, OUTPUTS, &options, &result));
  CHECK(result.runs == 7);
  CHECK(0 < result.min_ms && result.min_ms <= result.median_ms &&
        result.median_ms <= result.p95_ms);
  options.runs = 0;
  options.seconds = 0;
  OK(edgert_bench(f.model, &f.in, 1, f.out, OUTPUTS, &options, &result));
  CHECK(result.runs == 5);
  options.seconds = -1;
  REFUSED(edgert_bench(f.model, &f.in, 1, f.out, OUTPUTS, &options, &result), EDGERT_ERROR_ARGUMENT,
          "ARGUMENT", "seconds is -1");
  free_fixture(&f);
}

/* Runs of one model at a time, some of which fail: each thread has its own errors. */
typedef struct Worker {
  const Fixture* shared;
  int bad;
  int wrong; /* what must stay 0 */
} Worker;

static void* work(void* argument) {
  Worker* const worker = argument;
  Fixture f = *worker->shared;
  int i, k;
  worker->wrong += edgert_last_error()[0] != 0; /* none yet */
  for (k = 0; k < OUTPUTS; ++k) f.out[k].data = allocate(f.out[k].bytes);
  if (worker->bad) f.out[worker->bad].bytes = 1;
  for (i = 0; i < 200; ++i) {
    const edgert_status status = run(&f);
    if (worker->bad) {
      const char* const name = worker->bad == 1 ? "'conv_transpose'" : "'max_pool'";
      worker->wrong += status != EDGERT_ERROR_SIZE || strstr(edgert_last_error(), name) == NULL;
      continue;
    }
    worker->wrong += status != EDGERT_OK;
    for (k = 0; k < OUTPUTS; ++k)
      worker->wrong += memcmp(f.out[k].data, worker->shared->out[k].data, f.out[k].bytes) != 0;
  }
  for (k = 0; k < OUTPUTS; ++k) free(f.out[k].data);
  return NULL;
}

static void test_threads(void) {
  Fixture f = make_fixture();
  Worker workers[4];
  pthread_t threads[4];
  int i;
  OK(run(&f));
  for (i = 0; i < 4; ++i) {
    workers[i].shared = &f;
    workers[i].bad = i < 2 ? 0 : i - 1;
    workers[i].wrong = 0;
    if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) abort();
  }
  for (i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
    CHECK(workers[i].wrong == 0);
  }
  free_fixture(&f);
}

static uint32_t crc32_of(const unsigned char* data, size_t bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  size_t i;
  int bit;
  for (i = 0; i < bytes; ++i) {
    crc ^= data[i];
    for (bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

static void put(unsigned char* at, uint64_t value, int bytes) {
  int i;
  for (i = 0; i < bytes; ++i) at[i] = (unsigned char)(value >> 8 * i);
}

/* A sound container of more bytes than a process of 32 bits can address, in a file with a hole. */
static void test_larger_than_the_address_space(void) {
  enum { SECTIONS = 10, HEAD = 48 + SECTIONS * 24, DATA = 320 };
  const uint64_t file_bytes = (UINT64_C(5) << 30) + DATA;
  char name[] = "/tmp/edgert_api_test_XXXXXX";
  unsigned char head[HEAD] = {0};
  edgert_load_options options = EDGERT_LOAD_OPTIONS_INIT;
  edgert_model* model;
  const int file = mkstemp(name);
  int i;
  memcpy(head, content, 16); /* magic, version, byte order */
  put(head + 16, file_bytes, 8);
  put(head + 24, SECTIONS, 4);
  for (i = 0; i < SECTIONS; ++i) {
    unsigned char* const section = head + 48 + 24 * i;
    const int last = i == SECTIONS - 1;
    put(section, (uint64_t)i + 1, 4);
    put(section + 8, last ? DATA : (HEAD + 7) / 8 * 8, 8);
    put(section + 16, last ? file_bytes - DATA : 0, 8);
  }
  put(head + 28, crc32_of(head, HEAD), 4);
  CHECK(file >= 0 && write(file, head, HEAD) == HEAD && ftruncate(file, (off_t)file_bytes) == 0);
  close(file);

  if (sizeof(void*) > 4) options.memory_limit = INT32_MAX;
  REFUSED(edgert_load(name, &options, &model), EDGERT_ERROR_LIMIT, "MEMORY",
          "needs 53687"); /* the file, and what fills up a page */
  CHECK(strstr(edgert_last_error(), "the limit is 2147483647") != NULL);
  options.memory_limit = UINT64_C(1) << 40; /* more than 32 bits have */
  options.flags = EDGERT_MAP;
  if (sizeof(void*) == 4) {
    REFUSED(edgert_load(name, &options, &model), EDGERT_ERROR_LIMIT, "MEMORY",
            "it has 5368709440 bytes, a process of this machine can address 2147483647");
    options.flags = 0;
    REFUSED(edgert_load(name, &options, &model), EDGERT_ERROR_LIMIT, "MEMORY",
            "the limit is 2147483647, all that a process of this machine can address");
  }
  unlink(name);
}

static void read_content(void) {
  FILE* const file = fopen(path, "rb");
  content = allocate(1 << 20);
  if (file == NULL || (content_bytes = fread(content, 1, 1 << 20, file)) == 0) abort();
  fclose(file);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  path = argv[1];
  read_content();
  CHECK(edgert_last_error()[0] == 0 && edgert_last_rule()[0] == 0);
  test_version();
  test_null_pointers();
  test_structs_of_other_sizes();
  test_description();
  test_run();
  test_arrays_that_do_not_fit();
  test_options_that_make_no_sense();
  test_limits();
  test_damaged_files();
  test_mapped();
  test_forced_level();
  test_stop();
  test_bench();
  test_threads();
  test_larger_than_the_address_space();
  free(content);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
