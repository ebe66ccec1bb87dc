// Hides instruction sets from CPUID, so that every library which a process loads chooses the
// kernels that it would choose on a lesser CPU, and runs them at full speed.
//
//   cc -O2 -shared -fPIC -o cpumask.so cpumask.c
//   CPUMASK=avx2 LD_PRELOAD=./cpumask.so PROGRAM
//   CPUMASK=avx2 CPUMASK_SITES=FILE LD_AUDIT=./cpumask.so PROGRAM
//
// A signal handler executes the real instruction and clears bits in what it returned. Two ways lead
// there. Where /proc/cpuinfo has cpuid_fault, the kernel makes CPUID fault (arch_prctl). Elsewhere
// FILE lists the addresses of the CPUID instructions of each library, one line "ADDRESS PATH" each
// (hexadecimal, as the ELF file has them); the dynamic linker shows every library to this one, as
// its auditor, before the library's own code runs, and they are overwritten with an instruction
// that raises SIGILL. Whatever ran before, the C library above all, has seen the real CPU.

#define _GNU_SOURCE
#include <cpuid.h>
#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { kArchSetCpuid = 0x1012, kFromKernel = 0x80 };  // <asm/prctl.h>, <asm-generic/siginfo.h>

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

static const uint8_t kCpuid[2] = {0x0f, 0xa2}, kTrap[2] = {0x0f, 0x0b};  // CPUID, UD2

static unsigned hidden;
static const char* sites;  // the file with the addresses; NULL where the kernel makes CPUID fault
static struct sigaction previous;

static void die(const char* message) {
  fprintf(stderr, "cpumask: %s\n", message);
  _exit(2);
}

static long set_cpuid_allowed(int allowed) {
  return syscall(SYS_arch_prctl, kArchSetCpuid, allowed);
}

static void masked_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4]) {
  if (!sites) set_cpuid_allowed(1);
  __cpuid_count(leaf, subleaf, registers[0], registers[1], registers[2], registers[3]);
  if (!sites) set_cpuid_allowed(0);
  for (size_t i = 0; i < sizeof kRules / sizeof *kRules; ++i) {
    const Rule* rule = &kRules[i];
    if (!(hidden & rule->group) || rule->leaf != leaf || rule->subleaf != subleaf) continue;
    for (int r = 0; r < 4; ++r) registers[r] &= ~rule->clear[r];
  }
}

static void on_trap(int number, siginfo_t* info, void* context) {
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  const uint8_t* code = (const uint8_t*)registers[REG_RIP];
  const int ours = sites ? !memcmp(code, kTrap, sizeof kTrap)
                         : info->si_code == kFromKernel && !memcmp(code, kCpuid, sizeof kCpuid);
  if (!ours) {
    sigaction(number, &previous, NULL);  // returning raises it again
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

static void overwrite(uint8_t* code) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t first = (uintptr_t)code & ~(page - 1);
  const size_t size = (uintptr_t)code + sizeof kTrap - first;
  if (memcmp(code, kCpuid, sizeof kCpuid)) die("the list of sites is not of this library");
  if (mprotect((void*)first, size, PROT_READ | PROT_WRITE | PROT_EXEC)) die("mprotect failed");
  memcpy(code, kTrap, sizeof kTrap);
  if (mprotect((void*)first, size, PROT_READ | PROT_EXEC)) die("mprotect failed");
}

// The dynamic linker's auditing interface: the version spoken, and a call for each mapped object.
unsigned la_version(unsigned version) { return version; }

unsigned la_objopen(struct link_map* map, Lmid_t namespace_id, uintptr_t* cookie) {
  (void)namespace_id, (void)cookie;
  FILE* file = hidden && sites && *map->l_name ? fopen(sites, "r") : NULL;
  if (!file) return 0;
  char* name = realpath(map->l_name, NULL);
  unsigned long address;
  char path[4096];
  while (name && fscanf(file, "%lx %4095[^\n]", &address, path) == 2) {
    if (!strcmp(name, path)) overwrite((uint8_t*)map->l_addr + address);
  }
  free(name);
  fclose(file);
  return 0;
}

__attribute__((constructor)) static void start(void) {
  const char* name = getenv("CPUMASK");
  if (!name) return;
  for (size_t i = 0; i < sizeof kLevels / sizeof *kLevels; ++i) {
    if (!strcmp(name, kLevels[i].name)) hidden = kLevels[i].hidden;
  }
  if (!hidden) die("CPUMASK must be avx2, avx_vnni, avx512 or avx512_vnni");
  sites = getenv("CPUMASK_SITES");
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(sites ? SIGILL : SIGSEGV, &action, &previous);
  if (!sites && set_cpuid_allowed(0)) die("this CPU or kernel cannot make CPUID fault");
}
