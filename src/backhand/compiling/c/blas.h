/* BLAS, of the library that NumPy brings. */
#define BH_GEMM(T, c) \
    typedef void bh_gemm_##c(int, int, int, bh_int, bh_int, bh_int, T, const T *, bh_int, const T *, bh_int, T, T *, bh_int);
BH_GEMM(float, f)
BH_GEMM(double, d)
