/* Where a step of an epoch takes its rows from, and where its outputs are kept. */

struct bh_feed {
    const char *data;     /* the samples, one row after the other */
    char *target;         /* where the step reads them */
    int64_t row;          /* how many elements a sample has, */
    int64_t size;         /* of how many bytes each */
    int64_t batch;        /* how many samples a step takes */
    int64_t shared;       /* gathered by the tasks that read the rows, or before them all */
    int64_t kind;         /* 0: copied; 1: pixels to float32; 2: pixels to float64 */
    double scale, inverse; /* what pixels are divided by; 1 / scale if that and one fused correction divide exactly, or 0 */
};
struct bh_kept { const char *source; char *target; int64_t size; };
struct bh_epoch {
    int64_t steps, batch, feeds, outputs;
    const int64_t *order;
    const struct bh_feed *feed;
    const struct bh_kept *kept;
};

#define BH_PIXELS(T, c) \
    SPARE void bh_pixels_##c(const uint8_t *restrict x, T *restrict y, int64_t n, T scale, T inverse) { \
        if (BH_FUSED && inverse != 0) { \
            _Pragma("omp simd") for (int64_t i = 0; i < n; i++) { \
                T v = x[i], q = v * inverse; \
                y[i] = bh_madd_##c(bh_madd_##c(-q, scale, v), inverse, q); \
            } \
        } else { \
            _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] = (T)x[i] / scale; \
        } \
    }
BH_PIXELS(float, f)
BH_PIXELS(double, d)

/* Samples in random order come from main memory: ask for one well before it is read. `left` is how long order is. */
enum { BH_AHEAD = 8 };
INLINE void bh_prefetch(const struct bh_feed *f, const int64_t *order, int64_t i, int64_t left) {
    if (i >= left) return;
    const char *x = f->data + order[i] * f->row * f->size;
    for (int64_t byte = 0; byte < f->row * f->size; byte += 64) __builtin_prefetch(x + byte);
}

SPARE void bh_gather(const struct bh_feed *f, const int64_t *order, int64_t left, int64_t lo, int64_t hi) {
    for (int64_t i = lo; i < hi; i++) {
        bh_prefetch(f, order, i + BH_AHEAD, left);
        const char *from = f->data + order[i] * f->row * f->size;
        if (f->kind == 1)
            bh_pixels_f((const uint8_t *)from, (float *)f->target + i * f->row, f->row, (float)f->scale, (float)f->inverse);
        else if (f->kind == 2)
            bh_pixels_d((const uint8_t *)from, (double *)f->target + i * f->row, f->row, f->scale, f->inverse);
        else
            memcpy(f->target + i * f->row * f->size, from, f->row * f->size);
    }
}
