#include "run/files.h"

#include <sys/stat.h>

#include "core/text.h"
#include "run/errors.h"

namespace edgert::run {
namespace {

// The tensor that "NAME=FILE" names: names may have "=", the longest that fits is meant. Null if
// there is none.
Tensor* find(const std::string& spec, std::vector<Tensor>& tensors) {
  Tensor* found = nullptr;
  size_t length = 0;
  for (Tensor& tensor : tensors) {
    const std::string prefix = std::string(tensor.info.name) + "=";
    if (spec.compare(0, prefix.size(), prefix) != 0 || prefix.size() <= length) continue;
    found = &tensor;
    length = prefix.size();
  }
  return found;
}

// Gives each "[NAME=]FILE" to the tensor that it names, or to the only one.
void assign_files(const std::vector<std::string>& specs, const std::string& role,
                  std::vector<Tensor>& tensors) {
  for (const std::string& spec : specs) {
    Tensor* tensor = find(spec, tensors);
    std::string file = spec;
    if (tensor != nullptr)
      file = spec.substr(std::string(tensor->info.name).size() + 1);
    else if (tensors.size() == 1 && spec.find('=') == std::string::npos)
      tensor = &tensors[0];
    if (tensor == nullptr) {
      std::string names;
      for (const Tensor& other : tensors)
        names += (names.empty() ? "" : ", ") + quoted(other.info.name);
      throw Failure(quoted(spec) + " names no " + role + " of the model; it has " + names +
                    ", give " + role + "s as NAME=FILE");
    }
    const std::string label = role + " " + quoted(tensor->info.name);
    if (!tensor->file.empty()) throw Failure(label + " is given twice");
    if (file.empty()) throw Failure(label + " lacks its file");
    tensor->file = file;
  }
}

// What is safe as the name of a file on every system, whoever chose the name of the tensor.
std::string file_name(size_t index, const std::string& name) {
  std::string text = std::to_string(index) + "_";
  for (char c : name.substr(0, 100)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == '_';
    text += plain ? c : '_';
  }
  return text + ".npy";
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat of_a, of_b;
  return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

}  // namespace

void choose_files(const Options& options, Outcome& outcome) {
  assign_files(options.inputs, "input", outcome.inputs);
  assign_files(options.outputs, "output", outcome.outputs);
  if (!options.output_folder.empty())
    for (size_t i = 0; i < outcome.outputs.size(); ++i)
      if (outcome.outputs[i].file.empty())
        outcome.outputs[i].file =
            options.output_folder + "/" + file_name(i, outcome.outputs[i].info.name);
  std::vector<std::string> taken = {options.model};
  for (const Tensor& input : outcome.inputs)
    if (!input.file.empty()) taken.push_back(input.file);
  for (const Tensor& output : outcome.outputs) {
    if (output.file.empty()) continue;
    for (const std::string& other : taken)
      if (other == output.file || same_file(other, output.file))
        throw Failure(printable(output.file) +
                      " is read, or written, already: another output must not take its place");
    taken.push_back(output.file);
  }
}

}  // namespace edgert::run
