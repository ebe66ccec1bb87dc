/* edgert: runs .edgert files. The interface of the library for C and C++; docs/api.md explains it.
 *
 * Every function that can fail returns an edgert_status, and edgert_last_error() says what was
 * wrong, expected and found. Nothing is printed, no exception leaves the library.
 *
 * Thread safety: a model may be described and run by any number of threads at a time; only
 * edgert_free() must be the last call that uses it. Errors belong to the thread that made them.
 *
 * Ownership: strings and pointers that the library gives belong to the model that they describe and
 * live as long as it does. Arrays are the caller's and used during the call alone.
 */
#ifndef EDGERT_H
#define EDGERT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define EDGERT_API __attribute__((visibility("default")))
#else
#define EDGERT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header. A library serves programs that were compiled with its own number or a lower one:
 * functions stay, structs grow at their end, which `struct_size` tells. */
#define EDGERT_API_VERSION 1

EDGERT_API uint32_t edgert_api_version(void); /* of the library */
EDGERT_API const char* edgert_version(void);  /* of edgert, "0.1.0" */

/* Errors -------------------------------------------------------------------------------------- */

typedef enum edgert_status {
  EDGERT_OK = 0,
  EDGERT_INTERRUPTED = 1, /* the caller's `stop` wanted it */

  /* what is read */
  EDGERT_ERROR_FORMAT = 2,      /* the file breaks a rule of docs/format.md */
  EDGERT_ERROR_VERSION = 3,     /* the file is of another version of the format */
  EDGERT_ERROR_INTEGRITY = 4,   /* a checksum does not match: the file was damaged */
  EDGERT_ERROR_LIMIT = 5,       /* a limit of the format, the caller or the machine is exceeded */
  EDGERT_ERROR_UNSUPPORTED = 6, /* well-formed, but this library or this CPU cannot do it */
  EDGERT_ERROR_IO = 7,          /* the operating system refused to read the file */
  EDGERT_ERROR_RESOURCE = 8,    /* out of memory or threads */

  /* what the caller gives */
  EDGERT_ERROR_NULL = 9,       /* a null pointer */
  EDGERT_ERROR_ARGUMENT = 10,  /* a number that makes no sense */
  EDGERT_ERROR_SIZE = 11,      /* an array of another size than the model states */
  EDGERT_ERROR_ALIGNMENT = 12, /* an array that is not aligned to its elements */
  EDGERT_ERROR_OVERLAP = 13,   /* an output that shares bytes with another array */
  EDGERT_ERROR_INPUT = 14,     /* values of an input that the model cannot take, as an index */

  EDGERT_ERROR_INTERNAL = 15 /* a defect of edgert: please report it */
} edgert_status;

/* The name of a status, "OVERLAP"; "?" for other numbers. */
EDGERT_API const char* edgert_status_name(int status);

/* What was wrong with the last call of this thread that failed: one line of UTF-8 without control
 * characters, however hostile the file was. Lives until the next call of this thread that fails;
 * empty before the first. */
EDGERT_API const char* edgert_last_error(void);

/* The rule that it broke, "TRUNCATED" or "SHAPE" say: stable, for programs. */
EDGERT_API const char* edgert_last_rule(void);

/* Loading ------------------------------------------------------------------------------------- */

typedef struct edgert_model edgert_model; /* a model that is ready to run */

/* Asked on the calling thread about every 50 ms; other than 0 ends the call, which returns
 * EDGERT_INTERRUPTED. */
typedef int (*edgert_stop)(void* context);

/* One for each of the fastest cores that this process may use. */
#define EDGERT_DEFAULT_THREADS INT64_MAX
#define EDGERT_ALL_MEMORY UINT64_MAX /* that this process may use */

/* Use the weights where they are in the mapped file, which processes share then, not in a private
 * copy. The file must stay as it is: to write into it changes results, to cut it off kills the
 * process. */
#define EDGERT_MAP 1u
/* With EDGERT_MAP: compare the checksum of the weights, too, which reads all of the file. */
#define EDGERT_VERIFY 2u

typedef struct edgert_load_options {
  size_t struct_size;
  int64_t threads;       /* of a run, at least 1; more than there are usable CPUs are as many */
  uint64_t memory_limit; /* most bytes of private memory, with one run at a time */
  double max_operations; /* most elements that a run multiplies, compares or moves, about */
  uint32_t flags;        /* EDGERT_MAP, EDGERT_VERIFY */
  edgert_stop stop;      /* or NULL */
  void* stop_context;
} edgert_load_options;

#define EDGERT_LOAD_OPTIONS_INIT \
  {sizeof(edgert_load_options), EDGERT_DEFAULT_THREADS, EDGERT_ALL_MEMORY, 1e13, 0, NULL, NULL}

/* Loads a file, or the content of one, which is copied. `options` may be NULL. On failure `*model`
 * is NULL. The environment variable EDGERT_ISA names the highest instruction set level to use. */
EDGERT_API edgert_status edgert_load(const char* path, const edgert_load_options* options,
                                     edgert_model** model);
EDGERT_API edgert_status edgert_load_memory(const void* data, size_t bytes,
                                            const edgert_load_options* options,
                                            edgert_model** model);

EDGERT_API void edgert_free(edgert_model* model); /* NULL is fine */

/* Describing ---------------------------------------------------------------------------------- */

/* The caller sets struct_size, as each EDGERT_..._INIT does, the function the rest. */

typedef struct edgert_info {
  size_t struct_size;
  size_t inputs, outputs, steps, metadata; /* how many there are */
  int32_t threads;                         /* of a run */
  const char* level;                       /* the highest instruction set level that it uses */
  double operations;                       /* of a run, about */
  /* Bytes of memory that the model takes, known before it runs. */
  uint64_t file_copied;      /* the private copy of the file, without the weights if it is mapped */
  uint64_t weights_mapped;   /* weights used where they are in a mapped file */
  uint64_t weights_repacked; /* weights in a form that suits this CPU, or decoded */
  uint64_t tables;           /* what steps look up, at most */
  uint64_t arena;            /* activations and scratch, once for each run under way */
  uint64_t scratch;          /* of the arena */
} edgert_info;

#define EDGERT_INFO_INIT {sizeof(edgert_info), 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, 0}

typedef enum edgert_dtype {
  EDGERT_FLOAT32 = 1,
  EDGERT_INT32 = 2,
  EDGERT_INT64 = 3,
  EDGERT_INT8 = 4,
  EDGERT_UINT8 = 5,
  EDGERT_BOOL = 6, /* bytes, 0 or 1 */
  EDGERT_INT16 = 7,
  EDGERT_FLOAT16 = 8,
  EDGERT_FLOAT64 = 9
} edgert_dtype;

EDGERT_API const char* edgert_dtype_name(int dtype); /* "float32"; "?" for other numbers */
EDGERT_API size_t edgert_dtype_bytes(int dtype);     /* 4; 0 for other numbers */

typedef struct edgert_tensor {
  size_t struct_size;
  const char* name;
  edgert_dtype dtype;
  int32_t rank;        /* 0 to 8 */
  const int32_t* dims; /* `rank` of them; elements lie in C order */
  size_t bytes;
} edgert_tensor;

#define EDGERT_TENSOR_INIT {sizeof(edgert_tensor), NULL, EDGERT_FLOAT32, 0, NULL, 0}

typedef struct edgert_step {
  size_t struct_size;
  const char* name; /* of its first result, perhaps "" */
  const char* op;
  const char* kernel;    /* the code that was chosen for this CPU */
  const char* form;      /* that of the weight in the file, "" if there is none */
  edgert_dtype dtype;    /* of the first result, as what follows */
  int32_t rank;          /* 0 to 8 */
  const int32_t* dims;   /* `rank` of them */
  size_t constant_bytes; /* that the step reads */
  double zeros;          /* share of the elements of that weight that the file leaves out */
} edgert_step;

#define EDGERT_STEP_INIT \
  {sizeof(edgert_step), NULL, NULL, NULL, NULL, EDGERT_FLOAT32, 0, NULL, 0, 0}

EDGERT_API edgert_status edgert_get_info(const edgert_model* model, edgert_info* info);
EDGERT_API edgert_status edgert_get_input(const edgert_model* model, size_t index,
                                          edgert_tensor* tensor);
EDGERT_API edgert_status edgert_get_output(const edgert_model* model, size_t index,
                                           edgert_tensor* tensor);
EDGERT_API edgert_status edgert_get_step(const edgert_model* model, size_t index,
                                         edgert_step* step);
EDGERT_API edgert_status edgert_get_metadata(const edgert_model* model, size_t index,
                                             const char** key, const char** value);

/* The file that the model has a copy of; EDGERT_ERROR_ARGUMENT if it is mapped. */
EDGERT_API edgert_status edgert_get_file(const edgert_model* model, const void** data,
                                         size_t* bytes);

/* Running ------------------------------------------------------------------------------------- */

typedef struct edgert_input_array {
  const void* data; /* aligned to its elements; may be NULL if there are none */
  size_t bytes;     /* exactly those of the input */
} edgert_input_array;

typedef struct edgert_output_array {
  void* data;   /* aligned to its elements; shares no byte with another array of the call */
  size_t bytes; /* exactly those of the output */
} edgert_output_array;

typedef struct edgert_run_options {
  size_t struct_size;
  double* step_ms;  /* receives the milliseconds of each step, or NULL */
  size_t steps;     /* how many fit there: all of edgert_info.steps */
  edgert_stop stop; /* or NULL */
  void* stop_context;
} edgert_run_options;

#define EDGERT_RUN_OPTIONS_INIT {sizeof(edgert_run_options), NULL, 0, NULL, NULL}

/* Runs the model once: one array for each input and each output, in the model's order. Everything
 * is checked before anything is computed. `options` may be NULL. Allocates nothing for models of no
 * more than 8 inputs and 8 outputs, while no more than 16 runs are under way. A call that fails
 * leaves the model as it was; outputs hold anything then. */
EDGERT_API edgert_status edgert_run(const edgert_model* model, const edgert_input_array* inputs,
                                    size_t input_count, const edgert_output_array* outputs,
                                    size_t output_count, const edgert_run_options* options);

typedef struct edgert_bench_options {
  size_t struct_size;
  double seconds;   /* to measure, in at least 5 runs */
  size_t runs;      /* to measure, not seconds; 0: not given */
  double* step_ms;  /* receives the median milliseconds of each step, in runs of their own */
  size_t steps;     /* how many fit there: all of edgert_info.steps */
  edgert_stop stop; /* or NULL */
  void* stop_context;
} edgert_bench_options;

#define EDGERT_BENCH_OPTIONS_INIT {sizeof(edgert_bench_options), 3.0, 0, NULL, 0, NULL, NULL}

typedef struct edgert_bench_result {
  size_t struct_size;
  size_t runs;
  double median_ms, p95_ms, min_ms; /* of a run; p95: the 95th percentile */
} edgert_bench_result;

#define EDGERT_BENCH_RESULT_INIT {sizeof(edgert_bench_result), 0, 0, 0, 0}

/* Measures runs after a warm-up of 3. Arrays as those of edgert_run(); `options` may be NULL. */
EDGERT_API edgert_status edgert_bench(const edgert_model* model, const edgert_input_array* inputs,
                                      size_t input_count, const edgert_output_array* outputs,
                                      size_t output_count, const edgert_bench_options* options,
                                      edgert_bench_result* result);

/* The machine --------------------------------------------------------------------------------- */

typedef struct edgert_levels {
  size_t struct_size;
  const char* const* names; /* the instruction set levels of this CPU, weakest first */
  size_t detected;          /* how many there are */
  size_t active;            /* how many of them are used: up to the one that EDGERT_ISA names */
} edgert_levels;

#define EDGERT_LEVELS_INIT {sizeof(edgert_levels), NULL, 0, 0}

/* EDGERT_ERROR_UNSUPPORTED if EDGERT_ISA names a level that this CPU does not have; `names` and
 * `detected` are set all the same. */
EDGERT_API edgert_status edgert_get_levels(edgert_levels* levels);

EDGERT_API int32_t edgert_usable_cpus(void);     /* at least 1 */
EDGERT_API int32_t edgert_default_threads(void); /* the fastest of them */
EDGERT_API uint64_t edgert_usable_memory(void);  /* bytes */

#ifdef __cplusplus
}
#endif

#endif /* EDGERT_H */
