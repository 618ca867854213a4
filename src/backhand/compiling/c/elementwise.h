/* NumPy's elementwise functions in C, written so that a compiler can turn loops of them into vector code without any
   option that changes arithmetic: NaN, infinities and signed zeros come out as from NumPy; exp, log and tanh are within
   2 units in the last place. The letter at the end of a name is NumPy's for the dtype: f float32, d float64. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define SPARE static __attribute__((unused))
#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline, unused))

/* One rounding where the processor has it for free, else two. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__aarch64__)
#define BH_FUSED 1
#define bh_madd_f(a, b, c) __builtin_fmaf(a, b, c)
#define bh_madd_d(a, b, c) __builtin_fma(a, b, c)
#else
#define BH_FUSED 0
#define bh_madd_f(a, b, c) ((a) * (b) + (c))
#define bh_madd_d(a, b, c) ((a) * (b) + (c))
#endif

INLINE double bh_as_d(int64_t bits) { double x; memcpy(&x, &bits, 8); return x; }
INLINE int64_t bh_bits_d(double x) { int64_t bits; memcpy(&bits, &x, 8); return bits; }
INLINE float bh_as_f(int32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
INLINE int32_t bh_bits_f(float x) { int32_t bits; memcpy(&bits, &x, 4); return bits; }

/* exp(r) - 1 for |r| <= ln(2) / 2, by its Taylor series. */
INLINE double bh_small_expm1_d(double r) {
    double s = 1.0 / 6227020800;
    s = bh_madd_d(s, r, 1.0 / 479001600);
    s = bh_madd_d(s, r, 1.0 / 39916800);
    s = bh_madd_d(s, r, 1.0 / 3628800);
    s = bh_madd_d(s, r, 1.0 / 362880);
    s = bh_madd_d(s, r, 1.0 / 40320);
    s = bh_madd_d(s, r, 1.0 / 5040);
    s = bh_madd_d(s, r, 1.0 / 720);
    s = bh_madd_d(s, r, 1.0 / 120);
    s = bh_madd_d(s, r, 1.0 / 24);
    s = bh_madd_d(s, r, 1.0 / 6);
    s = bh_madd_d(s, r, 0.5);
    return bh_madd_d(s * r, r, r);
}
INLINE float bh_small_expm1_f(float r) {
    float s = 1.0f / 5040;
    s = bh_madd_f(s, r, 1.0f / 720);
    s = bh_madd_f(s, r, 1.0f / 120);
    s = bh_madd_f(s, r, 1.0f / 24);
    s = bh_madd_f(s, r, 1.0f / 6);
    s = bh_madd_f(s, r, 0.5f);
    return bh_madd_f(s * r, r, r);
}

/* x = k ln 2 + r; exp(x) = 2^k exp(r), in two factors because 2^k alone may over- or underflow where exp doesn't.
   Where the result is 0 (the -1e9 of a mask) nothing underflows on the way, which would take 100 times as long. */
INLINE double bh_exp_d(double x) {
    x = x > 710.0 ? 710.0 : x;
    int none = x < -746.0;
    x = none ? 0.0 : x;
    double rounded = bh_madd_d(x, 0x1.71547652b82fep0, 0x1.8p52);
    double k = rounded - 0x1.8p52;
    double r = bh_madd_d(k, -0x1.62e42fefa38p-1, x);
    r = bh_madd_d(k, -0x1.ef35793c7673p-45, r);
    int64_t n = bh_bits_d(rounded) - bh_bits_d(0x1.8p52), half = (n + 2048) / 2 - 1024;
    double y = 1.0 + bh_small_expm1_d(r);
    y = y * bh_as_d((half + 1023) << 52) * bh_as_d((n - half + 1023) << 52);
    return none ? 0.0 : y;
}
INLINE float bh_exp_f(float x) {
    x = x > 89.0f ? 89.0f : x;
    int none = x < -104.0f;
    x = none ? 0.0f : x;
    float rounded = bh_madd_f(x, 0x1.715476p0f, 0x1.8p23f);
    float k = rounded - 0x1.8p23f;
    float r = bh_madd_f(k, -0x1.62e400p-1f, x);
    r = bh_madd_f(k, -0x1.7f7d1cp-20f, r);
    int32_t n = bh_bits_f(rounded) - bh_bits_f(0x1.8p23f), half = (n + 256) / 2 - 128;
    float y = 1.0f + bh_small_expm1_f(r);
    y = y * bh_as_f((half + 127) << 23) * bh_as_f((n - half + 127) << 23);
    return none ? 0.0f : y;
}

/* tanh(|x|) = e / (e + 2) with e = exp(2 |x|) - 1, which loses nothing for small x;
   the same as e / 2 - e / 2 * (e / (e + 2)), which rounds less there. */
INLINE double bh_tanh_d(double x) {
    double y = 2.0 * __builtin_fabs(x);
    y = y > 44.0 ? 44.0 : y;
    double rounded = bh_madd_d(y, 0x1.71547652b82fep0, 0x1.8p52);
    double k = rounded - 0x1.8p52;
    double r = bh_madd_d(k, -0x1.62e42fefa38p-1, y);
    r = bh_madd_d(k, -0x1.ef35793c7673p-45, r);
    double s = bh_as_d((bh_bits_d(rounded) - bh_bits_d(0x1.8p52) + 1023) << 52);
    double e = bh_madd_d(s, bh_small_expm1_d(r), s - 1.0);
    double h = 0.5 * e, q = e / (e + 2.0);
    return __builtin_copysign(e < 1.0 ? bh_madd_d(-h, q, h) : q, x);
}
INLINE float bh_tanh_f(float x) {
    float y = 2.0f * __builtin_fabsf(x);
    y = y > 20.0f ? 20.0f : y;
    float rounded = bh_madd_f(y, 0x1.715476p0f, 0x1.8p23f);
    float k = rounded - 0x1.8p23f;
    float r = bh_madd_f(k, -0x1.62e400p-1f, y);
    r = bh_madd_f(k, -0x1.7f7d1cp-20f, r);
    float s = bh_as_f((bh_bits_f(rounded) - bh_bits_f(0x1.8p23f) + 127) << 23);
    float e = bh_madd_f(s, bh_small_expm1_f(r), s - 1.0f);
    float h = 0.5f * e, q = e / (e + 2.0f);
    return __builtin_copysignf(e < 1.0f ? bh_madd_f(-h, q, h) : q, x);
}

/* x = 2^k m with m near 1; log(m) = 2 artanh(s) with s = (m - 1) / (m + 1), by its series. */
INLINE double bh_log_d(double x) {
    int tiny = x < 0x1p-1022;
    double y = tiny ? x * 0x1p54 : x;
    int64_t bits = bh_bits_d(y) - bh_bits_d(0x1.6a09e667f3bcdp-1);
    double k = (double)(bits >> 52) - (tiny ? 54.0 : 0.0);
    double m = bh_as_d((bits & 0xfffffffffffff) + bh_bits_d(0x1.6a09e667f3bcdp-1));
    double f = m - 1.0, s = f / (m + 1.0), z = s * s;
    double t = 2.0 / 21;
    t = bh_madd_d(t, z, 2.0 / 19);
    t = bh_madd_d(t, z, 2.0 / 17);
    t = bh_madd_d(t, z, 2.0 / 15);
    t = bh_madd_d(t, z, 2.0 / 13);
    t = bh_madd_d(t, z, 2.0 / 11);
    t = bh_madd_d(t, z, 2.0 / 9);
    t = bh_madd_d(t, z, 2.0 / 7);
    t = bh_madd_d(t, z, 2.0 / 5);
    t = bh_madd_d(t, z, 2.0 / 3);
    double h = 0.5 * f * f;
    double y0 = k * 0x1.62e42fefa38p-1 - ((h - bh_madd_d(s, h + t * z, k * 0x1.ef35793c7673p-45)) - f);
    y0 = x == INFINITY ? x : y0;
    y0 = x == 0.0 ? -INFINITY : y0;
    return x < 0.0 || x != x ? NAN : y0;
}
INLINE float bh_log_f(float x) {
    int tiny = x < 0x1p-126f;
    float y = tiny ? x * 0x1p25f : x;
    int32_t bits = bh_bits_f(y) - bh_bits_f(0x1.6a09e6p-1f);
    float k = (float)(bits >> 23) - (tiny ? 25.0f : 0.0f);
    float m = bh_as_f((bits & 0x7fffff) + bh_bits_f(0x1.6a09e6p-1f));
    float f = m - 1.0f, s = f / (m + 1.0f), z = s * s;
    float t = 2.0f / 9;
    t = bh_madd_f(t, z, 2.0f / 7);
    t = bh_madd_f(t, z, 2.0f / 5);
    t = bh_madd_f(t, z, 2.0f / 3);
    float h = 0.5f * f * f;
    float y0 = k * 0x1.62e3p-1f - ((h - bh_madd_f(s, h + t * z, k * 0x1.2fefa2p-17f)) - f);
    y0 = x == INFINITY ? x : y0;
    y0 = x == 0.0f ? -INFINITY : y0;
    return x < 0.0f || x != x ? NAN : y0;
}

/* What is rarer, from the C library; and what NumPy defines by its own rules. */
#define BH_LIBRARY(T, c, s) \
    INLINE T bh_log1p_##c(T x) { return log1p##s(x); } \
    INLINE T bh_expm1_##c(T x) { return expm1##s(x); } \
    INLINE T bh_exp2_##c(T x) { return exp2##s(x); } \
    INLINE T bh_log2_##c(T x) { return log2##s(x); } \
    INLINE T bh_log10_##c(T x) { return log10##s(x); } \
    INLINE T bh_sqrt_##c(T x) { return __builtin_sqrt##s(x); } \
    INLINE T bh_cbrt_##c(T x) { return cbrt##s(x); } \
    INLINE T bh_sin_##c(T x) { return sin##s(x); } \
    INLINE T bh_cos_##c(T x) { return cos##s(x); } \
    INLINE T bh_tan_##c(T x) { return tan##s(x); } \
    INLINE T bh_asin_##c(T x) { return asin##s(x); } \
    INLINE T bh_acos_##c(T x) { return acos##s(x); } \
    INLINE T bh_atan_##c(T x) { return atan##s(x); } \
    INLINE T bh_sinh_##c(T x) { return sinh##s(x); } \
    INLINE T bh_cosh_##c(T x) { return cosh##s(x); } \
    INLINE T bh_asinh_##c(T x) { return asinh##s(x); } \
    INLINE T bh_acosh_##c(T x) { return acosh##s(x); } \
    INLINE T bh_atanh_##c(T x) { return atanh##s(x); } \
    INLINE T bh_atan2_##c(T a, T b) { return atan2##s(a, b); } \
    INLINE T bh_hypot_##c(T a, T b) { return hypot##s(a, b); } \
    INLINE T bh_pow_##c(T a, T b) { return pow##s(a, b); } \
    INLINE T bh_logaddexp_##c(T a, T b) { /* of two equal infinities it is that infinity */ \
        T d = a - b, high = a > b ? a : b; \
        return a == b ? a + (T)0x1.62e42fefa39efp-1 : d == d ? high + log1p##s(bh_exp_##c(d > 0 ? -d : d)) : d; \
    } \
    INLINE T bh_floor_##c(T x) { return __builtin_floor##s(x); } \
    INLINE T bh_ceil_##c(T x) { return __builtin_ceil##s(x); } \
    INLINE T bh_trunc_##c(T x) { return __builtin_trunc##s(x); } \
    INLINE T bh_rint_##c(T x) { return __builtin_rint##s(x); } \
    INLINE T bh_abs_##c(T x) { return __builtin_fabs##s(x); } \
    INLINE T bh_sign_##c(T x) { return x != x ? x : (T)((x > 0) - (x < 0)); } \
    INLINE int bh_isnan_##c(T x) { return x != x; } \
    INLINE int bh_isinf_##c(T x) { return __builtin_fabs##s(x) == INFINITY; } \
    INLINE int bh_isfinite_##c(T x) { return __builtin_fabs##s(x) < INFINITY; } \
    INLINE int bh_signbit_##c(T x) { return __builtin_signbit(x) != 0; } \
    INLINE T bh_maximum_##c(T a, T b) { return a > b || a != a ? a : b; } \
    INLINE T bh_minimum_##c(T a, T b) { return a < b || a != a ? a : b; } \
    INLINE T bh_fmax_##c(T a, T b) { return a > b || b != b ? a : b; } \
    INLINE T bh_fmin_##c(T a, T b) { return a < b || b != b ? a : b; } \
    INLINE T bh_clip_##c(T x, T low, T high) { return bh_minimum_##c(bh_maximum_##c(x, low), high); } \
    INLINE T bh_remainder_##c(T a, T b) { \
        T m = fmod##s(a, b); \
        return m != 0 ? ((b < 0) != (m < 0) ? m + b : m) : m == 0 ? __builtin_copysign##s(0, b) : m; \
    } \
    INLINE T bh_floor_divide_##c(T a, T b) { \
        if (b == 0) return a / b; \
        T m = fmod##s(a, b), q = (a - m) / b; \
        if (m != 0 && (b < 0) != (m < 0)) q -= 1; \
        if (q == 0) return __builtin_copysign##s(0, a / b); \
        T whole = __builtin_floor##s(q); \
        return q - whole > (T)0.5 ? whole + 1 : whole; \
    }
BH_LIBRARY(float, f, f)
BH_LIBRARY(double, d, )

#define BH_INTEGER(T, c) \
    INLINE T bh_maximum_##c(T a, T b) { return a > b ? a : b; } \
    INLINE T bh_minimum_##c(T a, T b) { return a < b ? a : b; } \
    INLINE T bh_fmax_##c(T a, T b) { return a > b ? a : b; } \
    INLINE T bh_fmin_##c(T a, T b) { return a < b ? a : b; } \
    INLINE T bh_clip_##c(T x, T low, T high) { return bh_minimum_##c(bh_maximum_##c(x, low), high); }
BH_INTEGER(int8_t, b)
BH_INTEGER(int16_t, h)
BH_INTEGER(int32_t, i)
BH_INTEGER(int64_t, l)
BH_INTEGER(uint8_t, B)
BH_INTEGER(uint16_t, H)
BH_INTEGER(uint32_t, I)
BH_INTEGER(uint64_t, L)

/* An index as NumPy takes it: from the end if negative; outside it is noted and 0 taken. */
INLINE int64_t bh_place(int64_t index, int64_t extent, int64_t *error) {
    int64_t place = index < 0 ? index + extent : index;
    if (place < 0 || place >= extent) { *error = 1; return 0; }
    return place;
}
