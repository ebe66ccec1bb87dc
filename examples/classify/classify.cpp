// Classifies an image: classify_cpp MODEL.edgert IMAGE.pgm
//
// The same as classify.c, with a small class around the C API that a program may begin with: it
// frees what it holds, and turns statuses into exceptions.
#include <edgert.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

class EdgertError : public std::runtime_error {
 public:
  explicit EdgertError(edgert_status status)
      : std::runtime_error(std::string(edgert_last_rule()) + ": " + edgert_last_error()),
        status(status) {}
  const edgert_status status;
};

void check(edgert_status status) {
  if (status != EDGERT_OK) throw EdgertError(status);
}

class Model {
 public:
  explicit Model(const std::string& path) {
    edgert_model* model = nullptr;
    check(edgert_load(path.c_str(), nullptr, &model));
    model_.reset(model);
  }

  edgert_tensor input(size_t index) const { return describe(&edgert_get_input, index); }
  edgert_tensor output(size_t index) const { return describe(&edgert_get_output, index); }

  // For a model with one input and one output.
  template <typename In, typename Out>
  void run(const std::vector<In>& input, std::vector<Out>& output) const {
    const edgert_input_array in = {input.data(), input.size() * sizeof(In)};
    const edgert_output_array out = {output.data(), output.size() * sizeof(Out)};
    check(edgert_run(model_.get(), &in, 1, &out, 1, nullptr));
  }

 private:
  struct Free {
    void operator()(edgert_model* model) const { edgert_free(model); }
  };
  using Getter = edgert_status (*)(const edgert_model*, size_t, edgert_tensor*);

  edgert_tensor describe(Getter get, size_t index) const {
    edgert_tensor tensor = EDGERT_TENSOR_INIT;
    check(get(model_.get(), index, &tensor));
    return tensor;
  }

  std::unique_ptr<edgert_model, Free> model_;
};

struct Image {
  int width = 0, height = 0, channels = 0, most = 0;  // most: what a pixel may be
  std::vector<char> pixels;                           // row by row, channels together
};

// A binary PGM or PPM with 8 bits.
Image read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  std::string kind;
  file >> kind;
  const auto number = [&] {
    while ((file >> std::ws).peek() == '#')
      file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    int value = 0;
    file >> value;
    return value;
  };
  Image image;
  image.channels = kind == "P6" ? 3 : 1;
  image.width = number();
  image.height = number();
  image.most = number();
  constexpr int kMostPixels = 100000;  // on a side
  if ((kind != "P5" && kind != "P6") || !file || image.width < 1 || image.width > kMostPixels ||
      image.height < 1 || image.height > kMostPixels || image.most < 1 || image.most > 255)
    throw std::runtime_error(path + ": is no binary PGM or PPM with 8 bits");
  file.get();  // one space
  image.pixels.resize(static_cast<size_t>(image.width) * image.height * image.channels);
  if (!file.read(image.pixels.data(), static_cast<std::streamsize>(image.pixels.size())))
    throw std::runtime_error(path + ": is cut off");
  return image;
}

// The pixels from 0 to 1, in the order of an input of shape [1, channels, height, width].
std::vector<float> planes(const Image& image, const edgert_tensor& input) {
  const int32_t* const dims = input.dims;
  if (input.dtype != EDGERT_FLOAT32 || input.rank != 4 || dims[0] != 1 ||
      dims[1] != image.channels || dims[2] != image.height || dims[3] != image.width)
    throw std::runtime_error(std::string("the image does not fit the input ") + input.name);
  std::vector<float> elements;
  for (int c = 0; c < image.channels; ++c)
    for (size_t i = static_cast<size_t>(c); i < image.pixels.size();
         i += static_cast<size_t>(image.channels))
      elements.push_back(static_cast<float>(static_cast<unsigned char>(image.pixels[i])) /
                         static_cast<float>(image.most));
  return elements;
}

void classify(const std::string& model_path, const std::string& image_path) {
  const Model model(model_path);
  const std::vector<float> pixels = planes(read_image(image_path), model.input(0));
  std::vector<float> scores(model.output(0).bytes / sizeof(float));
  model.run(pixels, scores);

  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  for (size_t i = 0; i < std::min<size_t>(3, order.size()); ++i)
    std::printf("class %zu: %.1f %%\n", order[i], 100.0 * scores[order[i]]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: classify_cpp MODEL.edgert IMAGE.pgm\n", stderr);
    return 2;
  }
  try {
    classify(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "classify_cpp: %s\n", error.what());
    return 1;
  }
}
