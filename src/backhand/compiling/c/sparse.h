/* Products with a batch that is mostly zeros: only what isn't zero is kept, and multiplied.

   Each task compresses its own rows, and sorts their entries by column: the product X W then adds up a row of W for
   each entry of a row of X, and X^T D a row of D for each entry of a column. Leaving out 0 * w is exact as long as w is
   finite, which is checked at every step. */

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

struct bh_sparse {
    int64_t columns, tasks;
    int32_t *column;     /* by row: which columns are not zero, */
    void *value;         /* and what stands there; row n begins at n * columns */
    int32_t *length;     /* how many a row has */
    int32_t *begin;      /* by task and column: where its entries begin, from the task's first row times columns */
    void *entry;         /* by task and column: row and value */
    void *packed;        /* by task: the right operand of a backward product, row by row in whole vectors */
    int64_t packed_size; /* bytes that a task has there */
    const void *pixel;   /* the 256 values of a pixel */
};
struct bh_entry_f { int32_t row; float value; };
struct bh_entry_d { int64_t row; double value; };

#define BH_COMPRESS(T, c) \
    SPARE int64_t bh_compress_pixels_##c(const uint8_t *x, int64_t from, int64_t columns, const T *pixel, int32_t *column, T *value) { \
        int64_t m = 0, j = from; \
        for (; j + 8 <= columns; j += 8) { \
            uint64_t eight; \
            memcpy(&eight, x + j, 8); \
            if (!eight) continue; \
            for (int64_t l = j; l < j + 8; l++) { column[m] = (int32_t)l; value[m] = pixel[x[l]]; m += x[l] != 0; } \
        } \
        for (; j < columns; j++) { column[m] = (int32_t)j; value[m] = pixel[x[j]]; m += x[j] != 0; } \
        return m; \
    } \
    SPARE int64_t bh_compress_##c(const T *x, int64_t columns, int32_t *column, T *value) { \
        int64_t m = 0; \
        for (int64_t j = 0; j < columns; j++) { column[m] = (int32_t)j; value[m] = x[j]; m += x[j] != 0; } \
        return m; \
    }
BH_COMPRESS(float, f)
BH_COMPRESS(double, d)

#if defined(__AVX512F__)
/* Sixteen pixels at once: divided as in bh_pixels_f, moved together, stored as a whole. */
SPARE int64_t bh_compress_fast_f(const uint8_t *x, int64_t columns, const struct bh_feed *f, const float *pixel, int32_t *column, float *value) {
    if (f->inverse == 0) return bh_compress_pixels_f(x, 0, columns, pixel, column, value);
    const __m512 scale = _mm512_set1_ps((float)f->scale), inverse = _mm512_set1_ps((float)f->inverse);
    __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    int64_t m = 0, j = 0;
    for (; j + 16 <= columns; j += 16, places = _mm512_add_epi32(places, _mm512_set1_epi32(16))) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(x + j));
        if (_mm_testz_si128(bytes, bytes)) continue;
        __m512i wide = _mm512_cvtepu8_epi32(bytes);
        __mmask16 set = _mm512_test_epi32_mask(wide, wide);
        __m512 v = _mm512_cvtepi32_ps(wide), q = _mm512_mul_ps(v, inverse);
        q = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, scale, v), inverse, q);
        _mm512_storeu_si512(column + m, _mm512_maskz_compress_epi32(set, places));
        _mm512_storeu_ps(value + m, _mm512_maskz_compress_ps(set, q));
        m += __builtin_popcount(set);
    }
    return m + bh_compress_pixels_f(x, j, columns, pixel, column + m, value + m);
}
#else
#define bh_compress_fast_f(x, columns, f, pixel, column, value) bh_compress_pixels_f(x, 0, columns, pixel, column, value)
#endif
#define bh_compress_fast_d(x, columns, f, pixel, column, value) bh_compress_pixels_d(x, 0, columns, pixel, column, value)

BH_CONTRACT
#define BH_SPARSE(T, c) \
    /* Rows lo to hi of the batch, straight from the samples. */ \
    SPARE void bh_sparse_gather_##c(struct bh_sparse *s, const struct bh_feed *f, const int64_t *order, int64_t left, \
                                     int64_t lo, int64_t hi, int64_t task) { \
        int64_t D = s->columns; \
        int32_t *begin = s->begin + task * (D + 2) + 1; \
        struct bh_entry_##c *entry = (struct bh_entry_##c *)s->entry + lo * D; \
        memset(begin - 1, 0, (D + 2) * sizeof *begin); \
        for (int64_t n = lo; n < hi; n++) { \
            const char *x = f->data + order[n] * D * f->size; \
            int32_t *column = s->column + n * D; \
            T *value = (T *)s->value + n * D; \
            bh_prefetch(f, order, n + BH_AHEAD, left); \
            int64_t m = f->kind ? bh_compress_fast_##c((const uint8_t *)x, D, f, (const T *)s->pixel, column, value) \
                                : bh_compress_##c((const T *)x, D, column, value); \
            s->length[n] = (int32_t)m; \
            for (int64_t e = 0; e < m; e++) begin[column[e]]++; \
        } \
        /* After this begin[k] is where column k begins; it moves on to where column k + 1 does. */ \
        int32_t sum = 0; \
        for (int64_t k = 0; k <= D; k++) { int32_t n = begin[k]; begin[k] = sum; sum += n; } \
        for (int64_t n = lo; n < hi; n++) { \
            const int32_t *column = s->column + n * D; \
            const T *value = (const T *)s->value + n * D; \
            for (int64_t e = 0, m = s->length[n]; e < m; e++) { \
                struct bh_entry_##c *to = entry + begin[column[e]]++; \
                to->row = (int32_t)n; \
                to->value = value[e]; \
            } \
        } \
    } \
    /* The last vector of a row overlaps the one before it, if N is no multiple; so the two are always in one block. */ \
    INLINE int64_t bh_offset_##c(int64_t vector, int64_t N) { \
        return (vector + 1) * BH_LANES_##c <= N ? vector * BH_LANES_##c : N - BH_LANES_##c; \
    } \
    INLINE void bh_forward_block_##c(int width, int64_t first, const struct bh_sparse *s, int64_t lo, int64_t hi, int64_t N, const T *W, T *C) { \
        for (int64_t n = lo; n < hi; n++) { \
            bh_vector_##c sum[8] = {{0}}, w; \
            const int32_t *column = s->column + n * s->columns; \
            const T *value = (const T *)s->value + n * s->columns; \
            for (int64_t e = 0, m = s->length[n]; e < m; e++) { \
                const T *row = W + column[e] * N; \
                T v = value[e]; \
                _Pragma("GCC unroll 8") for (int j = 0; j < width; j++) { \
                    memcpy(&w, row + bh_offset_##c(first + j, N), sizeof w); \
                    sum[j] += v * w; \
                } \
            } \
            _Pragma("GCC unroll 8") for (int j = 0; j < width; j++) memcpy(C + n * N + bh_offset_##c(first + j, N), &sum[j], sizeof w); \
        } \
    } \
    /* Rows lo to hi of C = X W. */ \
    INLINE void bh_sparse_forward_##c(const struct bh_sparse *s, int64_t lo, int64_t hi, int64_t N, const T *W, T *C) { \
        const int64_t vectors = (N + BH_LANES_##c - 1) / BH_LANES_##c; \
        const int64_t whole = vectors > 8 && vectors % 8 == 1 ? vectors / 8 - 1 : vectors / 8; \
        for (int64_t j = 0; j < whole; j++) bh_forward_block_##c(8, 8 * j, s, lo, hi, N, W, C); \
        if (whole < vectors / 8) { \
            bh_forward_block_##c(7, 8 * whole, s, lo, hi, N, W, C); \
            bh_forward_block_##c(2, 8 * whole + 7, s, lo, hi, N, W, C); \
        } else if (vectors % 8) bh_forward_block_##c(vectors % 8, 8 * whole, s, lo, hi, N, W, C); \
    } \
    INLINE void bh_backward_block_##c(int width, int64_t first, const struct bh_sparse *s, int64_t rows, int64_t lo, int64_t hi, \
                                      int64_t N, T alpha, const T *d, T beta, T *C, int64_t task) { \
        const int64_t D = s->columns, step = width * BH_LANES_##c; \
        T *packed = (T *)((char *)s->packed + task * s->packed_size); \
        for (int64_t n = 0; n < rows; n++) \
            _Pragma("GCC unroll 8") for (int j = 0; j < width; j++) { \
                bh_vector_##c w; \
                memcpy(&w, d + n * N + bh_offset_##c(first + j, N), sizeof w); \
                w = alpha * w; \
                memcpy(packed + n * step + j * BH_LANES_##c, &w, sizeof w); \
            } \
        for (int64_t k = lo; k < hi; k++) { \
            bh_vector_##c sum[8] = {{0}}, w; \
            T *out = C + k * N; \
            if (beta != 0) { \
                _Pragma("GCC unroll 8") for (int j = 0; j < width; j++) { \
                    memcpy(&w, out + bh_offset_##c(first + j, N), sizeof w); \
                    sum[j] = beta * w; \
                } \
            } \
            for (int64_t part = 0; part < s->tasks; part++) { \
                const int32_t *begin = s->begin + part * (D + 2) + k; \
                const struct bh_entry_##c *entry = (const struct bh_entry_##c *)s->entry + rows * part / s->tasks * D; \
                for (int64_t e = begin[0]; e < begin[1]; e++) { \
                    const T *from = packed + entry[e].row * step; \
                    T v = entry[e].value; \
                    _Pragma("GCC unroll 8") for (int j = 0; j < width; j++) { \
                        memcpy(&w, from + j * BH_LANES_##c, sizeof w); \
                        sum[j] += v * w; \
                    } \
                } \
            } \
            _Pragma("GCC unroll 8") for (int j = 0; j < width; j++) memcpy(out + bh_offset_##c(first + j, N), &sum[j], sizeof w); \
        } \
    } \
    /* Rows lo to hi of C = alpha X^T d + beta C, where X has `rows` rows. */ \
    INLINE void bh_sparse_backward_##c(const struct bh_sparse *s, int64_t rows, int64_t lo, int64_t hi, int64_t N, T alpha, const T *d, T beta, T *C, int64_t task) { \
        const int64_t vectors = (N + BH_LANES_##c - 1) / BH_LANES_##c; \
        const int64_t whole = vectors > 8 && vectors % 8 == 1 ? vectors / 8 - 1 : vectors / 8; \
        for (int64_t j = 0; j < whole; j++) bh_backward_block_##c(8, 8 * j, s, rows, lo, hi, N, alpha, d, beta, C, task); \
        if (whole < vectors / 8) { \
            bh_backward_block_##c(7, 8 * whole, s, rows, lo, hi, N, alpha, d, beta, C, task); \
            bh_backward_block_##c(2, 8 * whole + 7, s, rows, lo, hi, N, alpha, d, beta, C, task); \
        } else if (vectors % 8) bh_backward_block_##c(vectors % 8, 8 * whole, s, rows, lo, hi, N, alpha, d, beta, C, task); \
    }
BH_SPARSE(float, f)
BH_SPARSE(double, d)
BH_PLAIN

/* Is there neither an infinity nor a NaN, whose exponents have all bits set? */
SPARE int bh_finite_f(const float *x, int64_t n) {
    const uint32_t *bits = (const uint32_t *)x;
    uint32_t found = 0;
    _Pragma("omp simd reduction(|:found)") for (int64_t i = 0; i < n; i++) found |= (bits[i] & 0x7f800000u) == 0x7f800000u;
    return !found;
}
SPARE int bh_finite_d(const double *x, int64_t n) {
    const uint64_t *bits = (const uint64_t *)x;
    uint64_t found = 0;
    _Pragma("omp simd reduction(|:found)") for (int64_t i = 0; i < n; i++)
        found |= (bits[i] & 0x7ff0000000000000u) == 0x7ff0000000000000u;
    return !found;
}
