/* Classifies an image: classify MODEL.edgert IMAGE.pgm
 *
 * The model takes one image of 1 or 3 channels, as float32 from 0 to 1 or as uint8, and gives one
 * row of probabilities. The image is a binary PGM or PPM (P5, P6) of the size that the model takes.
 */
#include <ctype.h>
#include <edgert.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOP = 3, MOST_PIXELS = 10000 /* on a side */ };

typedef struct Image {
  int width, height, channels, most; /* most: what a pixel may be */
  unsigned char* pixels;             /* row by row, channels together */
} Image;

/* How the model lays out one image. */
typedef struct Layout {
  int width, height, channels, channels_last;
} Layout;

static int fail(const char* what, const char* detail) {
  fprintf(stderr, "classify: %s%s%s\n", what, *detail ? ": " : "", detail);
  return 0;
}

static int fail_edgert(void) { return fail(edgert_last_rule(), edgert_last_error()); }

/* A whole number of the header, behind spaces and comments, and one space behind it; -1 if there is
 * none. */
static int read_number(FILE* file) {
  int c = fgetc(file), value = 0;
  while (isspace(c) || c == '#') {
    if (c == '#')
      while (c != '\n' && c != EOF) c = fgetc(file);
    c = fgetc(file);
  }
  if (!isdigit(c)) return -1;
  for (; isdigit(c); c = fgetc(file)) {
    value = 10 * value + (c - '0');
    if (value > MOST_PIXELS) return -1;
  }
  return value;
}

static int read_image(const char* path, Image* image) {
  FILE* const file = fopen(path, "rb");
  size_t count;
  int kind, good;
  if (file == NULL) return fail(path, "cannot be opened");
  kind = fgetc(file) == 'P' ? fgetc(file) : 0;
  image->channels = kind == '6' ? 3 : 1;
  image->width = read_number(file);
  image->height = read_number(file);
  image->most = read_number(file);
  good = (kind == '5' || kind == '6') && image->width > 0 && image->height > 0 && image->most > 0 &&
         image->most < 256;
  if (!good) {
    fclose(file);
    return fail(path, "is no binary PGM or PPM with 8 bits");
  }
  count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
  image->pixels = malloc(count);
  good = image->pixels != NULL && fread(image->pixels, 1, count, file) == count;
  fclose(file);
  return good ? 1 : fail(path, "is cut off");
}

static int find_layout(const edgert_tensor* input, Layout* layout) {
  const int32_t* const d = input->dims;
  if (input->rank != 4 || d[0] != 1 || (d[1] != 1 && d[1] != 3 && d[3] != 1 && d[3] != 3))
    return fail(input->name, "is not one image of 1 or 3 channels");
  layout->channels_last = d[1] != 1 && d[1] != 3;
  layout->channels = layout->channels_last ? d[3] : d[1];
  layout->height = layout->channels_last ? d[1] : d[2];
  layout->width = layout->channels_last ? d[2] : d[3];
  return 1;
}

/* The pixels in the order and the type of the input. */
static int fill_input(const Image* image, const edgert_tensor* input, void* data) {
  const size_t pixels = (size_t)image->width * (size_t)image->height;
  const size_t channels = (size_t)image->channels;
  Layout layout = {0, 0, 0, 0};
  size_t i, c;
  if (!find_layout(input, &layout)) return 0;
  if (input->dtype != EDGERT_FLOAT32 && input->dtype != EDGERT_UINT8)
    return fail(input->name, "is neither float32 nor uint8");
  if (image->width != layout.width || image->height != layout.height ||
      image->channels != layout.channels) {
    char text[96];
    snprintf(text, sizeof text, "expected %dx%d pixels of %d channels, found %dx%d of %d",
             layout.width, layout.height, layout.channels, image->width, image->height,
             image->channels);
    return fail("the image does not fit the model", text);
  }
  for (i = 0; i < pixels; ++i)
    for (c = 0; c < channels; ++c) {
      const unsigned char value = image->pixels[i * channels + c];
      const size_t at = layout.channels_last ? i * channels + c : c * pixels + i;
      if (input->dtype == EDGERT_FLOAT32)
        ((float*)data)[at] = (float)value / (float)image->most;
      else
        ((unsigned char*)data)[at] = value;
    }
  return 1;
}

static void print_top(const float* scores, size_t count) {
  char* const shown = calloc(count, 1);
  size_t rank, i;
  for (rank = 0; shown != NULL && rank < TOP && rank < count; ++rank) {
    size_t best = count;
    for (i = 0; i < count; ++i)
      if (!shown[i] && (best == count || scores[i] > scores[best])) best = i;
    shown[best] = 1;
    printf("class %zu: %.1f %%\n", best, 100.0 * scores[best]);
  }
  free(shown);
}

static int classify(const edgert_model* model, const Image* image) {
  edgert_info info = EDGERT_INFO_INIT;
  edgert_tensor input = EDGERT_TENSOR_INIT, output = EDGERT_TENSOR_INIT;
  edgert_input_array in;
  edgert_output_array out;
  void* pixels;
  float* scores;
  int good;
  if (edgert_get_info(model, &info) != EDGERT_OK) return fail_edgert();
  if (info.inputs != 1 || info.outputs != 1)
    return fail("the model has several inputs or outputs", "");
  if (edgert_get_input(model, 0, &input) != EDGERT_OK) return fail_edgert();
  if (edgert_get_output(model, 0, &output) != EDGERT_OK) return fail_edgert();
  if (output.dtype != EDGERT_FLOAT32) return fail(output.name, "is not float32");

  pixels = malloc(input.bytes);
  scores = malloc(output.bytes);
  in.data = pixels;
  in.bytes = input.bytes;
  out.data = scores;
  out.bytes = output.bytes;
  good = pixels != NULL && scores != NULL ? fill_input(image, &input, pixels)
                                          : fail("out of memory", "");
  if (good && edgert_run(model, &in, 1, &out, 1, NULL) != EDGERT_OK) good = fail_edgert();
  if (good) print_top(scores, output.bytes / sizeof *scores);
  free(scores);
  free(pixels);
  return good;
}

int main(int argc, char** argv) {
  Image image = {0, 0, 0, 0, NULL};
  edgert_model* model = NULL;
  int good;
  if (argc != 3) {
    fprintf(stderr, "usage: classify MODEL.edgert IMAGE.pgm\n");
    return 2;
  }
  good = read_image(argv[2], &image);
  if (good && edgert_load(argv[1], NULL, &model) != EDGERT_OK) good = fail_edgert();
  good = good && classify(model, &image);
  edgert_free(model);
  free(image.pixels);
  return good ? 0 : 1;
}
