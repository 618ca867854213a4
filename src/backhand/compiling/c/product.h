/* Small matrix products: C = alpha A B + beta C for row-major C, with A and B at any strides.

   B is packed into panels as wide as one or two vectors, padded with zeros; blocks of ROWS rows of C stay in registers
   while k runs. Everything is inlined into a function whose sizes are constants. */

/* Products may round once where elementwise code rounds twice: between these two, a * b + c is one operation. */
#if defined(__clang__)
#define BH_CONTRACT _Pragma("clang fp contract(fast)")
#define BH_PLAIN _Pragma("clang fp contract(off)")
#else
#define BH_CONTRACT _Pragma("GCC push_options") _Pragma("GCC optimize (\"fp-contract=fast\")")
#define BH_PLAIN _Pragma("GCC pop_options")
#endif

BH_CONTRACT
#if defined(__AVX512F__)
#define BH_VECTOR 64
#elif defined(__AVX__)
#define BH_VECTOR 32
#else
#define BH_VECTOR 16
#endif
#define BH_ROWS 6

typedef float bh_vector_f __attribute__((vector_size(BH_VECTOR)));
typedef double bh_vector_d __attribute__((vector_size(BH_VECTOR)));

#define BH_PRODUCT(T, c) \
    enum { BH_LANES_##c = BH_VECTOR / sizeof(T) }; \
    /* How many elements a packed B takes. */ \
    INLINE int64_t bh_packed_##c(int64_t k, int64_t n) { return k * ((n + BH_LANES_##c - 1) / BH_LANES_##c) * BH_LANES_##c; } \
    INLINE void bh_pack_##c(int64_t K, int64_t N, const T *b, int64_t b0, int64_t b1, T *pack) { \
        for (int64_t n = 0; n < N; n += BH_LANES_##c) { \
            int64_t width = N - n < BH_LANES_##c ? N - n : BH_LANES_##c; \
            for (int64_t k = 0; k < K; k++, pack += BH_LANES_##c) { \
                for (int64_t l = 0; l < width; l++) pack[l] = b[k * b0 + (n + l) * b1]; \
                for (int64_t l = width; l < BH_LANES_##c; l++) pack[l] = 0; \
            } \
        } \
    } \
    INLINE void bh_finish_##c(bh_vector_##c sum, int64_t width, T alpha, T beta, T *C) { \
        bh_vector_##c old = {0}; \
        sum = alpha * sum; \
        if (width == BH_LANES_##c) { \
            if (beta != 0) { memcpy(&old, C, sizeof old); sum += beta * old; } \
            memcpy(C, &sum, sizeof sum); \
        } else { \
            for (int64_t l = 0; l < width; l++) C[l] = beta != 0 ? sum[l] + beta * C[l] : sum[l]; \
        } \
    } \
    /* Rows m to m + ROWS (as far as they are there) of the panel of `panels` vectors that begins at column n. */ \
    INLINE void bh_block_##c(int panels, int64_t M, int64_t N, int64_t K, int64_t m, int64_t n, const T *a, int64_t a0, \
                             int64_t a1, const T *pack, T alpha, T beta, T *C, int64_t c0) { \
        bh_vector_##c s0[BH_ROWS] = {{0}}, s1[BH_ROWS] = {{0}}; \
        const T *row[BH_ROWS]; \
        for (int r = 0; r < BH_ROWS; r++) row[r] = a + (m + r < M ? m + r : M - 1) * a0; \
        const T *p0 = pack + n * K, *p1 = p0 + BH_LANES_##c * K; \
        for (int64_t k = 0; k < K; k++) { \
            bh_vector_##c b0, b1 = {0}; \
            memcpy(&b0, p0 + k * BH_LANES_##c, sizeof b0); \
            if (panels == 2) memcpy(&b1, p1 + k * BH_LANES_##c, sizeof b1); \
            _Pragma("GCC unroll 8") for (int r = 0; r < BH_ROWS; r++) { \
                T x = row[r][k * a1]; \
                s0[r] += x * b0; \
                if (panels == 2) s1[r] += x * b1; \
            } \
        } \
        int64_t w0 = N - n < BH_LANES_##c ? N - n : BH_LANES_##c, w1 = N - n - BH_LANES_##c; \
        for (int r = 0; r < BH_ROWS && m + r < M; r++) { \
            T *out = C + (m + r) * c0 + n; \
            bh_finish_##c(s0[r], w0, alpha, beta, out); \
            if (panels == 2) bh_finish_##c(s1[r], w1 < BH_LANES_##c ? w1 : BH_LANES_##c, alpha, beta, out + BH_LANES_##c); \
        } \
    } \
    /* Rows lo to hi of C. */ \
    INLINE void bh_product_##c(int64_t lo, int64_t hi, int64_t N, int64_t K, T alpha, const T *a, int64_t a0, int64_t a1, \
                               const T *b, int64_t b0, int64_t b1, T beta, T *C, int64_t c0, T *pack) { \
        bh_pack_##c(K, N, b, b0, b1, pack); \
        for (int64_t n = 0; n < N;) { \
            int two = N - n > BH_LANES_##c; \
            for (int64_t m = lo; m < hi; m += BH_ROWS) { \
                if (two) bh_block_##c(2, hi, N, K, m, n, a, a0, a1, pack, alpha, beta, C, c0); \
                else bh_block_##c(1, hi, N, K, m, n, a, a0, a1, pack, alpha, beta, C, c0); \
            } \
            n += two ? 2 * BH_LANES_##c : BH_LANES_##c; \
        } \
    }
BH_PRODUCT(float, f)
BH_PRODUCT(double, d)
BH_PLAIN
