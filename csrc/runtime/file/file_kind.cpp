#include "runtime/file/file_kind.h"

#include <algorithm>
#include <string_view>

#include "core/text.h"

namespace edgert {
namespace {

using namespace std::string_view_literals;

struct Signature {
  size_t offset;
  std::string_view bytes;
  const char* kind;
};

constexpr Signature kSignatures[] = {
    {0, "EDGERT"sv,
     "an .edgert file whose line ends were changed on the way: copy it in binary mode"},
    {0, "GGUF"sv, "a GGUF model"},
    {0, "PK\x03\x04"sv, "a zip archive (.npz, .pt, .tflite in a package)"},
    {0, "\x1F\x8B"sv, "a gzip file: unpack it first"},
    {0, "\x28\xB5\x2F\xFD"sv, "a zstd file: unpack it first"},
    {0, "\x93NUMPY"sv, "a .npy array"},
    {0, "\x89HDF"sv, "an HDF5 file (Keras?)"},
    {0, "\x80\x02"sv, "a Python pickle"},
    {0, "\x80\x03"sv, "a Python pickle"},
    {0, "\x80\x04"sv, "a Python pickle"},
    {0, "\x80\x05"sv, "a Python pickle"},
    {0, "version https://git-lfs"sv,
     "a git LFS pointer: fetch the file itself with 'git lfs pull'"},
    {0, "7767517\n"sv, "an ncnn .param file"},
    {0, "<?xml"sv, "an XML file (OpenVINO?)"},
    {0, "<!DOCTYPE"sv, "a web page: the download failed?"},
    {0, "<html"sv, "a web page: the download failed?"},
    {0,
     "\x7F"
     "ELF"sv,
     "a program or library"},
    {4, "TFL3"sv, "a TensorFlow Lite model"},
    {4, "ORTM"sv, "an ONNX Runtime .ort model"},
    {8, "{\""sv, "a safetensors file"},
};

// An ONNX file is a protobuf message that in practice starts with field 1 (ir_version, a small
// number) and goes on with field 2 (producer_name), 3, 4 or 7 (the graph), or 8 (opset imports).
bool looks_like_onnx(std::string_view head) {
  return head.size() > 2 && head[0] == 0x08 && head[1] > 0 && head[1] < 0x20 &&
         "\x12\x1A\x22\x3A\x42"sv.find(head[2]) != std::string_view::npos;
}

}  // namespace

std::string file_kind(const std::byte* data, size_t bytes) {
  const std::string_view head(reinterpret_cast<const char*>(data), std::min<size_t>(bytes, 64));
  for (const Signature& signature : kSignatures)
    if (head.size() >= signature.offset &&
        head.substr(signature.offset, signature.bytes.size()) == signature.bytes)
      return signature.kind;
  if (looks_like_onnx(head)) return "an ONNX model: convert it first with 'edgert convert'";
  return "a file that starts with " + quoted_bytes(head.substr(0, 8));
}

}  // namespace edgert
