// A plugin of QEMU (TCG plugins, API version 1) that counts the instructions which an AArch64
// program executes, by class and by function. Debian's qemu-user has plugins; its static build has
// not.
//
//   gcc -O2 -shared -fPIC count.c -o count.so
//   qemu-aarch64 -cpu cortex-a72 -plugin ./count.so[,out=FILE] ./program
//
// At exit it writes one line per function and class: <function> TAB <class> TAB <count>, to FILE or
// stderr. Code without symbols counts under "?". Counters are plain memory: with several threads in
// the program the counts are too low.
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of QEMU's interface: Debian does not package qemu-plugin.h.
typedef uint64_t PluginId;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct {
  const char* target_name;
} PluginInfo;
enum { kInlineAddU64 = 0 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
const char* qemu_plugin_insn_symbol(const struct qemu_plugin_insn*);
void qemu_plugin_register_vcpu_tb_trans_cb(PluginId, void (*)(PluginId, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn*, int, void*, uint64_t);
void qemu_plugin_register_atexit_cb(PluginId, void (*)(PluginId, void*), void*);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

// The classes are those of the top level of the AArch64 encoding, bits 28 to 25, loads and stores
// divided by whether they move vector registers. Scalar floating point counts as SIMD: it shares
// the encoding, the registers and the pipes. `dot` and `mmla` count within `simd` once more.
enum Class {
  kSimd,
  kSimdLoad,
  kSimdStore,
  kIntLoad,
  kIntStore,
  kBranch,
  kOther,
  kDot,
  kMmla,
  kClasses
};
static const char* const kNames[kClasses] = {
    "simd", "simd_load", "simd_store", "int_load", "int_store", "branch", "int", "dot", "mmla"};

// Of a load or store: whether it loads. Exclusive and ordered ones have the bit at 22, structures
// (ld1 ... st4) too, pairs too, literals always load; of single registers bits 23-22 are the
// operation.
static bool is_load(uint32_t w, bool vector) {
  if ((w & 0x3B000000) == 0x18000000) return true;  // literal
  if ((w & 0x3A000000) == 0x38000000 && !vector) return (w >> 22 & 3) != 0;
  return w >> 22 & 1;
}

static enum Class class_of(uint32_t w) {
  const uint32_t group = w >> 25 & 15;
  if ((group & 7) == 7) return kSimd;
  if ((group & 5) == 4) {
    const bool vector = w >> 26 & 1;
    if (is_load(w, vector)) return vector ? kSimdLoad : kIntLoad;
    return vector ? kSimdStore : kIntStore;
  }
  return (group & 14) == 10 ? kBranch : kOther;
}

// sdot, udot, usdot and sudot, by vector and by element.
static bool is_dot(uint32_t w) {
  return (w & 0x9FE0FC00) == 0x0E809400 || (w & 0x9FE0FC00) == 0x0E809C00 ||  // [su]dot, usdot
         (w & 0x9FC0F400) == 0x0F80E000 || (w & 0x9F40F400) == 0x0F00F000;
}

// smmla, ummla and usmmla.
static bool is_mmla(uint32_t w) { return (w & 0xDFE0F400) == 0x4E80A400; }

typedef struct Function {
  struct Function* next;
  char* name;
  uint64_t counts[kClasses];
} Function;

enum { kBuckets = 4096 };
static Function* functions[kBuckets];
static const char* out_path;

static Function* find(const char* name) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (const char* c = name; *c; ++c) hash = (hash ^ (unsigned char)*c) * 16777619u;
  Function** slot = &functions[hash % kBuckets];
  for (Function* f = *slot; f; f = f->next)
    if (strcmp(f->name, name) == 0) return f;
  Function* f = calloc(1, sizeof *f);
  f->name = strdup(name);
  f->next = *slot;
  return *slot = f;
}

static void translate(PluginId id, struct qemu_plugin_tb* block) {
  (void)id;
  for (size_t i = 0, n = qemu_plugin_tb_n_insns(block); i < n; ++i) {
    struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, i);
    const char* symbol = qemu_plugin_insn_symbol(insn);
    uint64_t* counts = find(symbol && *symbol ? symbol : "?")->counts;
    uint32_t word;
    memcpy(&word, qemu_plugin_insn_data(insn), sizeof word);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, kInlineAddU64, &counts[class_of(word)], 1);
    if (is_dot(word))
      qemu_plugin_register_vcpu_insn_exec_inline(insn, kInlineAddU64, &counts[kDot], 1);
    if (is_mmla(word))
      qemu_plugin_register_vcpu_insn_exec_inline(insn, kInlineAddU64, &counts[kMmla], 1);
  }
}

static void finish(PluginId id, void* user) {
  (void)id, (void)user;
  FILE* file = out_path ? fopen(out_path, "w") : stderr;
  if (!file) return perror(out_path);
  for (int b = 0; b < kBuckets; ++b)
    for (const Function* f = functions[b]; f; f = f->next)
      for (int c = 0; c < kClasses; ++c)
        if (f->counts[c]) fprintf(file, "%s\t%s\t%" PRIu64 "\n", f->name, kNames[c], f->counts[c]);
  fflush(file);
}

EXPORT int qemu_plugin_install(PluginId id, const PluginInfo* info, int argc, char** argv) {
  if (strcmp(info->target_name, "aarch64") != 0) {
    fprintf(stderr, "count.so: counts AArch64, not %s\n", info->target_name);
    return 1;
  }
  for (int i = 0; i < argc; ++i)
    if (strncmp(argv[i], "out=", 4) == 0) out_path = strdup(argv[i] + 4);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, finish, NULL);
  return 0;
}
