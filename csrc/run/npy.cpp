#include "run/npy.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "run/errors.h"

namespace edgert::run {
namespace {

constexpr char kMagic[] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
constexpr size_t kMaxHeaderBytes = 65535;  // of an array of plain numbers some dozens are enough

struct TypeName {
  edgert_dtype dtype;
  const char* name;  // in a header, behind the byte order
};
constexpr TypeName kTypes[] = {
    {EDGERT_FLOAT32, "f4"}, {EDGERT_INT32, "i4"},   {EDGERT_INT64, "i8"},
    {EDGERT_INT8, "i1"},    {EDGERT_UINT8, "u1"},   {EDGERT_BOOL, "b1"},
    {EDGERT_INT16, "i2"},   {EDGERT_FLOAT16, "f2"}, {EDGERT_FLOAT64, "f8"},
};

std::string descr_of(edgert_dtype dtype) {
  for (const TypeName& type : kTypes)
    if (type.dtype == dtype)
      return (edgert_dtype_bytes(dtype) == 1 ? "|" : "<") + std::string(type.name);
  return "?";
}

class InputFile {
 public:
  explicit InputFile(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "rb")) {
    if (file_ == nullptr) fail("cannot be opened: " + std::string(std::strerror(errno)));
  }
  ~InputFile() { std::fclose(file_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[noreturn]] void fail(const std::string& what) const {
    throw Failure(printable(path_) + ": " + what);
  }

  // As many bytes as there are, at most `bytes`.
  size_t read_some(void* to, size_t bytes) {
    if (bytes == 0) return 0;  // perhaps to null
    const size_t count = std::fread(to, 1, bytes, file_);
    if (count < bytes && std::ferror(file_) != 0)
      fail("cannot be read: " + std::string(std::strerror(errno)));
    return count;
  }

  void read_all(void* to, size_t bytes, const char* what) {
    if (read_some(to, bytes) < bytes) fail(std::string("the file ends inside ") + what);
  }

  // The rest of the file, which must be the elements of the tensor.
  Bytes elements(const edgert_tensor& tensor) {
    Bytes bytes(tensor.bytes);
    const size_t count = read_some(bytes.data(), bytes.size());
    char more;
    if (count < bytes.size() || read_some(&more, 1) > 0)
      fail(format("the file has %s elements than %s needs: expected %zu bytes of %s%s",
                  count < bytes.size() ? "fewer" : "more", quoted(tensor.name).c_str(),
                  tensor.bytes, edgert_dtype_name(tensor.dtype), shape_text(tensor).c_str()));
    return bytes;
  }

 private:
  std::string path_;
  FILE* file_;
};

// The dictionary of a header, as numpy writes it: {'descr': '<f4', 'fortran_order': False, 'shape':
// (1, 2), }. Other Python literals are refused.
struct Header {
  std::optional<std::string> descr, shape;
  std::optional<bool> fortran_order;
};

class HeaderParser {
 public:
  HeaderParser(const std::string& text, const InputFile& file) : text_(text), file_(file) {}

  Header parse() {
    Header header;
    expect('{');
    while (!take('}')) {
      const std::string key = string();
      expect(':');
      bool twice = false;
      if (key == "descr") {
        if (peek() == '[') file_.fail("an array of records, expected one of numbers");
        twice = header.descr.has_value();
        header.descr = string();
      } else if (key == "fortran_order") {
        twice = header.fortran_order.has_value();
        header.fortran_order = boolean();
      } else if (key == "shape") {
        twice = header.shape.has_value();
        header.shape = shape();
      } else {
        fail();
      }
      if (twice) fail();
      if (!take(',') && peek() != '}') fail();
    }
    if (peek() != '\0' || at_ < text_.size()) fail();
    if (!header.descr || !header.shape || !header.fortran_order) fail();
    return header;
  }

 private:
  [[noreturn]] void fail() const { file_.fail("not a header of .npy: " + quoted(text_)); }

  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail();
  }
  std::string string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail();
    const size_t end = text_.find(quote, ++at_);
    if (end == std::string::npos) fail();
    const std::string value = text_.substr(at_, end - at_);
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    peek();
    const bool value = text_.compare(at_, 4, "True") == 0;
    if (!value && text_.compare(at_, 5, "False") != 0) fail();
    at_ += value ? 4 : 5;
    return value;
  }
  // A tuple of whole numbers, in the spelling of shape_text().
  std::string shape() {
    std::string value = "(";
    size_t count = 0;
    expect('(');
    while (!take(')')) {
      if (count++ > 0) value += ", ";
      if (take('-')) file_.fail("its shape has a negative dimension");
      const char first = peek();
      if (first < '0' || first > '9') fail();
      const size_t begin = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      value += text_.substr(begin, at_ - begin);
      if (!take(',') && peek() != ')') fail();
    }
    return value + (count == 1 ? ",)" : ")");
  }

  const std::string& text_;
  const InputFile& file_;
  size_t at_ = 0;
};

Header read_header(InputFile& file) {
  unsigned char head[8];
  if (file.read_some(head, sizeof head) < sizeof head ||
      std::memcmp(head, kMagic, sizeof kMagic) != 0)
    file.fail("not an .npy file; a file of bytes as they are has another ending");
  const int version = head[6];
  if (version < 1 || version > 3) file.fail(format("version %d of .npy, expected 1 to 3", version));
  unsigned char size[4] = {};
  file.read_all(size, version == 1 ? 2 : 4, "its header");
  const size_t bytes =
      size_t{size[0]} | size_t{size[1]} << 8 | size_t{size[2]} << 16 | size_t{size[3]} << 24;
  if (bytes > kMaxHeaderBytes)
    file.fail(format("its header has %zu bytes, the limit is %zu", bytes, kMaxHeaderBytes));
  std::string text(bytes, '\0');
  file.read_all(text.data(), bytes, "its header");
  return HeaderParser(text, file).parse();
}

class OutputFile {
 public:
  explicit OutputFile(const std::string& path)
      : path_(path), file_(std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) fail();
  }
  ~OutputFile() {
    if (file_ != nullptr) std::fclose(file_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* from, size_t bytes) {
    if (bytes > 0 && std::fwrite(from, 1, bytes, file_) != bytes) fail();
  }
  // What the system had kept may fail only now.
  void close() {
    if (std::fclose(std::exchange(file_, nullptr)) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Failure(printable(path_) + ": cannot be written: " + std::strerror(errno));
  }

  std::string path_;
  FILE* file_;
};

}  // namespace

std::string shape_text(const edgert_tensor& tensor) {
  std::string text = "(";
  for (int32_t i = 0; i < tensor.rank; ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(tensor.dims[i]);
  return text + (tensor.rank == 1 ? ",)" : ")");
}

Bytes read_npy(const std::string& path, const edgert_tensor& tensor) {
  InputFile file(path);
  const Header header = read_header(file);
  const std::string name = quoted(tensor.name), expected = descr_of(tensor.dtype);
  if (*header.descr != expected) {
    const bool big = !header.descr->empty() && (*header.descr)[0] == '>';
    file.fail(name + " has dtype " + edgert_dtype_name(tensor.dtype) + " (" + expected +
              "), found " + quoted(*header.descr) + (big ? ", which is big-endian" : ""));
  }
  if (*header.shape != shape_text(tensor))
    file.fail(name + " has shape " + shape_text(tensor) + ", found " +
              printable(header.shape->substr(0, 256)));
  if (*header.fortran_order && tensor.rank > 1)
    file.fail("its elements are in Fortran order, expected C order; see numpy.ascontiguousarray");
  return file.elements(tensor);
}

Bytes read_raw(const std::string& path, const edgert_tensor& tensor) {
  return InputFile(path).elements(tensor);
}

void write_npy(const std::string& path, const edgert_tensor& tensor, const Bytes& elements) {
  std::string text = "{'descr': '" + descr_of(tensor.dtype) +
                     "', 'fortran_order': False, 'shape': " + shape_text(tensor) + ", }";
  constexpr size_t kPrefix = sizeof kMagic + 4;  // version and size
  text.append(63 - (kPrefix + text.size()) % 64, ' ');
  text += '\n';  // the elements start at a multiple of 64
  OutputFile file(path);
  file.write(kMagic, sizeof kMagic);
  const unsigned char version_and_size[] = {1, 0, static_cast<unsigned char>(text.size()),
                                            static_cast<unsigned char>(text.size() >> 8)};
  file.write(version_and_size, sizeof version_and_size);
  file.write(text.data(), text.size());
  file.write(elements.data(), elements.size());
  file.close();
}

void write_raw(const std::string& path, const Bytes& elements) {
  OutputFile file(path);
  file.write(elements.data(), elements.size());
  file.close();
}

}  // namespace edgert::run
