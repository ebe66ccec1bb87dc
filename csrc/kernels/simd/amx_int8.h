// Tiles of AMX beside the vectors of AVX-512. Local to the file that includes it. Inline assembly,
// since gcc 12's intrinsics do not tell the compiler that a tile is loaded from memory.
#pragma once

#include "kernels/simd/avx512.h"

namespace edgert {
namespace {

constexpr int kTileRows = 16, kTileBytes = 64;  // of a row; the most that a tile has

struct alignas(64) TileShapes {  // as the instruction reads them
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};

  void set(int tile, int its_rows, int row_bytes) {
    rows[tile] = static_cast<uint8_t>(its_rows);
    bytes[tile] = static_cast<uint16_t>(row_bytes);
  }
};

// Makes all elements of all tiles zero.
inline void configure_tiles(const TileShapes& shapes) {
  __asm__ volatile("ldtilecfg %0" ::"m"(shapes));
}

// A thread that is done with tiles says so: they are no part of its state then.
inline void release_tiles() { __asm__ volatile("tilerelease"); }

// Rows of a tile from and to memory, `stride` bytes apart.
template <int kTile>
inline void load_tile(const void* p, size_t stride) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline void store_tile(void* p, size_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(stride), "i"(kTile) : "memory");
}

// To each sum of 32 bits the products of a row of unsigned bytes x with a column of signed bytes w,
// whose tile has four of the depth in each row.
template <int kSum, int kX, int kW>
inline void dot_tiles() {
  __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kX), "i"(kW));
}

}  // namespace
}  // namespace edgert
