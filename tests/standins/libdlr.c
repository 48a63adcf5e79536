/* Stands in for DLR's native library: the functions of its C interface (include/dlr.h of
 * neo-ai/neo-ai-dlr) that the package dlr 1.10 calls.
 *
 * The model is what `compiled.params` in its folder says, in text: its inputs, each with its type
 * and sides, and the output, its sides and then its values, which are the same whatever the input.
 *
 *     inputs 1
 *     data float32 4 1 3 512 512
 *     output 3 1 2 6
 *     0 0.9 0.1 0.1 0.2 0.3  -1 0 0 0 0 0
 *
 * `refuse REASON` in place of it is a model that cannot be loaded.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 4, SIDES = 8 };

typedef struct {
  char name[64];
  char type[16];
  int dim;
  int64_t shape[SIDES];
  int64_t size;
} Tensor;

typedef struct {
  int inputs;
  Tensor input[INPUTS];
  Tensor output;
  float *values;
} Model;

static char error[256];

static int fail(const char *reason) {
  snprintf(error, sizeof error, "%s", reason);
  return -1;
}

const char *DLRGetLastError(void) { return error; }

static int read_shape(FILE *file, Tensor *tensor) {
  tensor->size = 1;
  if (fscanf(file, "%d", &tensor->dim) != 1 || tensor->dim > SIDES) return -1;
  for (int i = 0; i < tensor->dim; i++) {
    if (fscanf(file, "%ld", &tensor->shape[i]) != 1) return -1;
    tensor->size *= tensor->shape[i];
  }
  return 0;
}

static int read_model(FILE *file, Model *model) {
  char reason[200];
  if (fscanf(file, "refuse %199[^\n]", reason) == 1) return fail(reason);
  if (fscanf(file, "inputs %d", &model->inputs) != 1 || model->inputs > INPUTS)
    return fail("no model");
  for (int i = 0; i < model->inputs; i++) {
    Tensor *input = &model->input[i];
    if (fscanf(file, "%63s %15s", input->name, input->type) != 2 || read_shape(file, input))
      return fail("no input");
  }
  if (fscanf(file, " output") || read_shape(file, &model->output)) return fail("no output");
  model->values = calloc(model->output.size + 1, sizeof(float));
  for (int64_t i = 0; i < model->output.size; i++)
    if (fscanf(file, "%f", &model->values[i]) != 1) return fail("too few values");
  return 0;
}

int CreateDLRModel(void **handle, const char *path, int dev_type, int dev_id) {
  char name[4096];
  if (dev_type != 1 || dev_id != 0) return fail("the device must be the CPU");
  snprintf(name, sizeof name, "%s/compiled.params", path);
  FILE *file = fopen(name, "r");
  if (!file) return fail("No valid TVM model files found");
  Model *model = calloc(1, sizeof(Model));
  int result = read_model(file, model);
  fclose(file);
  if (result) {
    free(model->values);
    free(model);
  } else {
    *handle = model;
  }
  return result;
}

int DeleteDLRModel(void **handle) {
  Model *model = *handle;
  if (model) free(model->values);
  free(model);
  *handle = NULL;
  return 0;
}

int GetDLRBackend(void **handle, const char **name) {
  *name = "tvm";
  return 0;
}

int GetDLRVersion(const char **version) {
  *version = "1.10.0";
  return 0;
}

int GetDLRNumInputs(void **handle, int *count) {
  *count = ((Model *)*handle)->inputs;
  return 0;
}

int GetDLRNumWeights(void **handle, int *count) {
  *count = 0;
  return 0;
}

int GetDLRNumOutputs(void **handle, int *count) {
  *count = 1;
  return 0;
}

int GetDLRInputName(void **handle, int index, const char **name) {
  *name = ((Model *)*handle)->input[index].name;
  return 0;
}

int GetDLRInputType(void **handle, int index, const char **type) {
  *type = ((Model *)*handle)->input[index].type;
  return 0;
}

int GetDLROutputType(void **handle, int index, const char **type) {
  *type = "float32";
  return 0;
}

int GetDLROutputSizeDim(void **handle, int index, int64_t *size, int *dim) {
  *size = ((Model *)*handle)->output.size;
  *dim = ((Model *)*handle)->output.dim;
  return 0;
}

int GetDLROutputShape(void **handle, int index, int64_t *shape) {
  Tensor *output = &((Model *)*handle)->output;
  memcpy(shape, output->shape, output->dim * sizeof *shape);
  return 0;
}

int SetDLRInput(void **handle, const char *name, const int64_t *shape, const void *data, int dim) {
  Model *model = *handle;
  for (int i = 0; i < model->inputs; i++) {
    Tensor *input = &model->input[i];
    if (strcmp(input->name, name)) continue;
    if (dim != input->dim || memcmp(shape, input->shape, dim * sizeof *shape))
      return fail("Mismatch found in input data size");
    return 0;
  }
  return fail("no such input");
}

int RunDLRModel(void **handle) { return 0; }

int GetDLROutput(void **handle, int index, void *out) {
  Model *model = *handle;
  memcpy(out, model->values, model->output.size * sizeof(float));
  return 0;
}
