// Hides instruction sets from CPUID: preloaded into a process, it makes every library that the
// process loads afterwards choose the kernels that it would choose on a lesser CPU, at full speed.
//
//   cc -O2 -shared -fPIC -o cpumask.so cpumask.c
//   CPUMASK=avx2 LD_PRELOAD=./cpumask.so PROGRAM
//
// The kernel makes CPUID fault (arch_prctl, Linux on x86-64, where /proc/cpuinfo has cpuid_fault);
// the signal handler executes the real instruction and clears bits in what it returned. Whatever
// ran before this library's constructor, the C library above all, has seen the real CPU.

#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { kArchSetCpuid = 0x1012, kFromKernel = 0x80 };  // asm/prctl.h, asm-generic/siginfo.h

// What a level of kLevels takes away, as a bit set.
enum { kAvx512 = 1, kAvx512Vnni = 2, kAvxVnni = 4, kAmx = 8 };

typedef struct {
  const char* name;
  unsigned hidden;
} Level;

static const Level kLevels[] = {
    {"avx2", kAvx512 | kAvx512Vnni | kAvxVnni | kAmx},
    {"avx_vnni", kAvx512 | kAvx512Vnni | kAmx},
    {"avx512", kAvx512Vnni | kAvxVnni | kAmx},
    {"avx512_vnni", kAmx},
};

typedef struct {
  unsigned group;
  uint32_t leaf, subleaf;
  uint32_t clear[4];  // bits of EAX, EBX, ECX, EDX
} Rule;

#define BIT(n) (1u << (n))

static const Rule kRules[] = {
    // EBX: F, DQ, IFMA, PF, ER, CD, BW, VL. ECX: VBMI, VBMI2, BITALG, VPOPCNTDQ.
    // EDX: 4VNNIW, 4FMAPS, VP2INTERSECT, FP16.
    {kAvx512,
     7,
     0,
     {0, BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31),
      BIT(1) | BIT(6) | BIT(12) | BIT(14), BIT(2) | BIT(3) | BIT(8) | BIT(23)}},
    {kAvx512, 7, 1, {BIT(5), 0, 0, BIT(19)}},                     // BF16; AVX10
    {kAvx512, 0x24, 0, {~0u, ~0u, ~0u, ~0u}},                     // AVX10's version
    {kAvx512Vnni, 7, 0, {0, 0, BIT(11), 0}},                      // VNNI
    {kAvxVnni, 7, 1, {BIT(4), 0, 0, BIT(4) | BIT(5) | BIT(10)}},  // VNNI; INT8, NE-CONVERT, INT16
    {kAmx, 7, 0, {0, 0, 0, BIT(22) | BIT(24) | BIT(25)}},         // BF16, TILE, INT8
    {kAmx, 7, 1, {BIT(21), 0, 0, BIT(8)}},                        // FP16; COMPLEX
};

static unsigned hidden;
static struct sigaction previous;

static long set_cpuid_allowed(int allowed) {
  return syscall(SYS_arch_prctl, kArchSetCpuid, allowed);
}

static void masked_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4]) {
  set_cpuid_allowed(1);
  __cpuid_count(leaf, subleaf, registers[0], registers[1], registers[2], registers[3]);
  set_cpuid_allowed(0);
  for (size_t i = 0; i < sizeof kRules / sizeof *kRules; ++i) {
    const Rule* rule = &kRules[i];
    if (!(hidden & rule->group) || rule->leaf != leaf || rule->subleaf != subleaf) continue;
    for (int r = 0; r < 4; ++r) registers[r] &= ~rule->clear[r];
  }
}

static void on_fault(int number, siginfo_t* info, void* context) {
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  const uint8_t* code = (const uint8_t*)registers[REG_RIP];
  if (info->si_code != kFromKernel || code[0] != 0x0f || code[1] != 0xa2) {
    sigaction(number, &previous, NULL);  // not ours: returning raises it again
    return;
  }
  uint32_t result[4];
  masked_cpuid((uint32_t)registers[REG_RAX], (uint32_t)registers[REG_RCX], result);
  registers[REG_RAX] = result[0];
  registers[REG_RBX] = result[1];
  registers[REG_RCX] = result[2];
  registers[REG_RDX] = result[3];
  registers[REG_RIP] += 2;
}

static void die(const char* message) {
  fprintf(stderr, "cpumask: %s\n", message);
  _exit(2);
}

__attribute__((constructor)) static void start(void) {
  const char* name = getenv("CPUMASK");
  if (!name) return;
  for (size_t i = 0; i < sizeof kLevels / sizeof *kLevels; ++i) {
    if (!strcmp(name, kLevels[i].name)) hidden = kLevels[i].hidden;
  }
  if (!hidden) die("CPUMASK must be avx2, avx_vnni, avx512 or avx512_vnni");
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &previous);
  if (set_cpuid_allowed(0)) die("this CPU or kernel cannot make CPUID fault");
}
