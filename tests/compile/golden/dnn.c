/* Written by backhand from your NumPy code: a function for each group of fused loops and each product */

#include "elementwise.h"
typedef int64_t bh_int;
#include "blas.h"
#include "feed.h"

struct step {
    double *x; /* float64[10]  x */
    double *y; /* float64[2]  y */
    double *v0_W; /* float64[10, 32]  network.sequence[0].W */
    double *v0_b; /* float64[32]  network.sequence[0].b */
    double *v1_W; /* float64[32, 32]  network.sequence[1].W */
    double *v1_b; /* float64[32]  network.sequence[1].b */
    double *v2_W; /* float64[32, 32]  network.sequence[2].W */
    double *v2_b; /* float64[32]  network.sequence[2].b */
    double *v3_W; /* float64[32, 32]  network.sequence[3].W */
    double *v3_b; /* float64[32]  network.sequence[3].b */
    double *v4_W; /* float64[32, 32]  network.sequence[4].W */
    double *v4_b; /* float64[32]  network.sequence[4].b */
    double *v5_W; /* float64[32, 32]  network.sequence[5].W */
    double *v5_b; /* float64[32]  network.sequence[5].b */
    double *v6_W; /* float64[32, 2]  network.sequence[6].W */
    double *v6_b; /* float64[2]  network.sequence[6].b */
    double *v17; /* float64[32]  value 17 */
    double *last_o; /* float64[32]  last_o */
    double *v26; /* float64[32]  value 26 */
    double *last_o_31; /* float64[32]  last_o_31 */
    double *v33; /* float64[32]  value 33 */
    double *last_o_38; /* float64[32]  last_o_38 */
    double *v40; /* float64[32]  value 40 */
    double *last_o_45; /* float64[32]  last_o_45 */
    double *v47; /* float64[32]  value 47 */
    double *last_o_52; /* float64[32]  last_o_52 */
    double *v54; /* float64[32]  value 54 */
    double *last_o_59; /* float64[32]  last_o_59 */
    double *v61; /* float64[2]  value 61 */
    double *v69; /* float64  value 69 */
    double *v71; /* float64  value 71 */
    double *v74; /* float64[2]  value 74 */
    double *v75; /* float64[32]  value 75 */
    double *v79; /* float64[32]  value 79 */
    double *v80; /* float64[32]  value 80 */
    double *v84; /* float64[32]  value 84 */
    double *v85; /* float64[32]  value 85 */
    double *v89; /* float64[32]  value 89 */
    double *v90; /* float64[32]  value 90 */
    double *v94; /* float64[32]  value 94 */
    double *v95; /* float64[32]  value 95 */
    double *v99; /* float64[32]  value 99 */
    double *v100; /* float64[32]  value 100 */
    double *v104; /* float64[32]  value 104 */
    double *v107; /* float64[10, 1]  value 107 */
    double *v112; /* float64[32]  value 112 */
    double *v116; /* float64[32]  value 116 */
    double *v120; /* float64[32]  value 120 */
    double *v124; /* float64[32]  value 124 */
    double *v128; /* float64[32]  value 128 */
    double *v132; /* float64[2]  value 132 */
    int64_t error, threads;
    bh_gemm_f *gemm_f; /* BLAS */
    bh_gemm_d *gemm_d;
    const struct bh_feed *feed; /* where an epoch's step takes its rows from */
    const int64_t *order; /* the rows of this step and of those that follow: ... */
    int64_t left; /* ... this many */
    struct bh_sparse *sparse; /* the batch without its zeros, if it is mostly zeros */
};

static void gather_x(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    if (p->feed && p->feed[0].shared) bh_gather(p->feed + 0, p->order, p->left, lo, hi);
}

static void gather_y(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    if (p->feed && p->feed[1].shared) bh_gather(p->feed + 1, p->order, p->left, lo, hi);
}

/* Neuron[0].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[0].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k0_v17_begin(struct step *restrict p) {
    double *restrict v17 = p->v17;
    for (int64_t i = 0; i < 32; i++) v17[i] = 0.0;
}

/* Neuron[0].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[0].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k0_v17(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v17 = p->v17;
    double *restrict v0_W = p->v0_W;
    double *restrict x = p->x;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            v17[j] = bh_madd_d(v0_W[32 * i + j], x[i], v17[j]);
        }
    }
}

/* Neuron[0].__call__  notes_code.py:243: self.last_h = _m(_t(self.W), x) + self.b */
/* Sigmoid3[0].__call__  notes_code.py:208: self.last_o = 1 / (1.0 + np.exp(-x)) */
/* and 5 times more, for Neuron[1].__call__, Neuron[2].__call__, Neuron[3].__call__, Neuron[4].__call__, 1 more */
static NOINLINE void k1_last_o(double *restrict v17, double *restrict v0_b, double *restrict last_o, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double last_h = v17[i] + v0_b[i];
        const double v19 = -last_h;
        const double v20 = bh_exp_d(v19);
        const double v22 = 1.0 + v20;
        const double last_o_2 = 1.0 / v22;
        last_o[i] = last_o_2;
    }
}

/* Neuron[1].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[1].__call__  notes_code.py:200: return np.matmul(A, B) */
/* and 4 times more, for Neuron[2].__call__, Neuron[3].__call__, Neuron[4].__call__, Neuron[5].__call__ */
static NOINLINE void k2_v26_begin(double *restrict v26) {
    for (int64_t i = 0; i < 32; i++) v26[i] = 0.0;
}

/* Neuron[1].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[1].__call__  notes_code.py:200: return np.matmul(A, B) */
/* and 4 times more, for Neuron[2].__call__, Neuron[3].__call__, Neuron[4].__call__, Neuron[5].__call__ */
static NOINLINE void k2_v26(double *restrict v26, double *restrict v1_W, double *restrict last_o, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            v26[j] = bh_madd_d(v1_W[32 * i + j], last_o[i], v26[j]);
        }
    }
}

/* Neuron[6].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[6].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k12_v61_begin(struct step *restrict p) {
    double *restrict v61 = p->v61;
    for (int64_t i = 0; i < 2; i++) v61[i] = 0.0;
}

/* Neuron[6].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[6].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k12_v61(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v61 = p->v61;
    double *restrict v6_W = p->v6_W;
    double *restrict last_o_59 = p->last_o_59;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 2; j++) {
            v61[j] = bh_madd_d(v6_W[2 * i + j], last_o_59[i], v61[j]);
        }
    }
}

/* Neuron[6].__call__  notes_code.py:243: self.last_h = _m(_t(self.W), x) + self.b */
/* Sigmoid3[6].__call__  notes_code.py:208: self.last_o = 1 / (1.0 + np.exp(-x)) */
/* MeanSquaredError[0].__call__  notes_code.py:221: self.last_diff = h - y */
/* MeanSquaredError[0].__call__  notes_code.py:222: return 1 / 2 * np.mean(np.square(h - y)) */
/* Sigmoid3[6].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
/* notes_code.py:301: layer.b += -alpha * layer.db */
static void k13_v135(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v6_b = p->v6_b;
    double *restrict v61 = p->v61;
    double *restrict y = p->y;
    double *restrict v74 = p->v74;
    double *restrict v132 = p->v132;
    double *restrict v69 = p->v69;
    (void)lo; (void)hi; (void)task;
    double acc = 0.0;
    #pragma omp simd reduction(+:acc)
    for (int64_t i = lo; i < hi; i++) {
        const double old_v6_b = v6_b[i];
        const double last_h_62 = v61[i] + old_v6_b;
        const double v63 = -last_h_62;
        const double v64 = bh_exp_d(v63);
        const double v65 = 1.0 + v64;
        const double last_o_66 = 1.0 / v65;
        const double last_diff = last_o_66 - y[i];
        const double v68 = last_diff * last_diff;
        acc += v68;
        const double v72 = 1.0 - last_o_66;
        const double v73 = last_o_66 * v72;
        const double v74_2 = v73 * last_diff;
        v74[i] = v74_2;
        const double v132_2 = 0.01 * v74_2;
        v132[i] = v132_2;
        const double v135 = old_v6_b - v132_2;
        v6_b[i] = v135;
    }
    v69[0] = acc;
}

/* MeanSquaredError[0].__call__  notes_code.py:222: return 1 / 2 * np.mean(np.square(h - y)) */
static void k14_v71(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v69 = p->v69;
    double *restrict v71 = p->v71;
    (void)lo; (void)hi; (void)task;
    const double v71_2 = 0.25 * v69[0];
    v71[0] = v71_2;
}

/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* Neuron[6].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
static void k15_v134(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v6_W = p->v6_W;
    double *restrict v74 = p->v74;
    double *restrict v132 = p->v132;
    double *restrict last_o_59 = p->last_o_59;
    double *restrict v75 = p->v75;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        double acc = 0.0;
        #pragma omp simd reduction(+:acc)
        for (int64_t j = 0; j < 2; j++) {
            const double old_v6_W = v6_W[2 * i + j];
            acc = bh_madd_d(old_v6_W, v74[j], acc);
            const double v133 = v132[j] * last_o_59[i];
            const double v134 = old_v6_W - v133;
            v6_W[2 * i + j] = v134;
        }
        v75[i] = acc;
    }
}

/* Sigmoid3[5].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
/* notes_code.py:301: layer.b += -alpha * layer.db */
/* and 4 times more, for Sigmoid3[4].grad, Sigmoid3[3].grad, Sigmoid3[2].grad, Sigmoid3[1].grad */
static NOINLINE void k16_v131(double *restrict last_o_59, double *restrict v75, double *restrict v79, double *restrict v128, double *restrict v5_b, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double v77 = 1.0 - last_o_59[i];
        const double v78 = last_o_59[i] * v77;
        const double v79_2 = v78 * v75[i];
        v79[i] = v79_2;
        const double v128_2 = 0.01 * v79_2;
        v128[i] = v128_2;
        const double old_v5_b = v5_b[i];
        const double v131 = old_v5_b - v128_2;
        v5_b[i] = v131;
    }
}

/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* Neuron[5].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
/* and 4 times more, for DNN[0].calc_gradient */
static NOINLINE void k17_v130(double *restrict v5_W, double *restrict v79, double *restrict v128, double *restrict last_o_52, double *restrict v80, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        double acc = 0.0;
        #pragma omp simd reduction(+:acc)
        for (int64_t j = 0; j < 32; j++) {
            const double old_v5_W = v5_W[32 * i + j];
            acc = bh_madd_d(old_v5_W, v79[j], acc);
            const double v129 = v128[j] * last_o_52[i];
            const double v130 = old_v5_W - v129;
            v5_W[32 * i + j] = v130;
        }
        v80[i] = acc;
    }
}

/* Sigmoid3[0].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* Neuron[0].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:301: layer.b += -alpha * layer.db */
static void k26_v111(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict last_o = p->last_o;
    double *restrict v100 = p->v100;
    double *restrict v104 = p->v104;
    double *restrict v0_b = p->v0_b;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double v102 = 1.0 - last_o[i];
        const double v103 = last_o[i] * v102;
        const double v104_2 = v100[i] * v103;
        v104[i] = v104_2;
        const double old_v0_b = v0_b[i];
        const double v110 = 0.01 * v104_2;
        const double v111 = old_v0_b - v110;
        v0_b[i] = v111;
    }
}

/* Neuron[0].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
static void k27_v107(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict x = p->x;
    double *restrict v107 = p->v107;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double v107_2 = 0.01 * x[i];
        v107[i] = v107_2;
    }
}

/* notes_code.py:300: layer.W += -alpha * layer.dW */
static void k28_v109(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v0_W = p->v0_W;
    double *restrict v107 = p->v107;
    double *restrict v104 = p->v104;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            const double old_v0_W = v0_W[32 * i + j];
            const double v108 = v107[i] * v104[j];
            const double v109 = old_v0_W - v108;
            v0_W[32 * i + j] = v109;
        }
    }
}

EXPORT int64_t bh_numbers(struct step *restrict p) {
    (void)p;
    return 1;
}

EXPORT void bh_part0(struct step *restrict p) {
    gather_x(p, 0, 10, 0);
    gather_y(p, 0, 2, 0);
    k0_v17_begin(p);
    k0_v17(p, 0, 10, 0);
    k1_last_o(p->v17, p->v0_b, p->last_o, 0, 32, 0);
    k2_v26_begin(p->v26);
    k2_v26(p->v26, p->v1_W, p->last_o, 0, 32, 0);
    k1_last_o(p->v26, p->v1_b, p->last_o_31, 0, 32, 0);
    k2_v26_begin(p->v33);
    k2_v26(p->v33, p->v2_W, p->last_o_31, 0, 32, 0);
    k1_last_o(p->v33, p->v2_b, p->last_o_38, 0, 32, 0);
    k2_v26_begin(p->v40);
    k2_v26(p->v40, p->v3_W, p->last_o_38, 0, 32, 0);
    k1_last_o(p->v40, p->v3_b, p->last_o_45, 0, 32, 0);
    k2_v26_begin(p->v47);
    k2_v26(p->v47, p->v4_W, p->last_o_45, 0, 32, 0);
    k1_last_o(p->v47, p->v4_b, p->last_o_52, 0, 32, 0);
    k2_v26_begin(p->v54);
    k2_v26(p->v54, p->v5_W, p->last_o_52, 0, 32, 0);
    k1_last_o(p->v54, p->v5_b, p->last_o_59, 0, 32, 0);
    k12_v61_begin(p);
    k12_v61(p, 0, 32, 0);
    k13_v135(p, 0, 2, 0);
    k14_v71(p, 0, 1, 0);
    k15_v134(p, 0, 32, 0);
    k16_v131(p->last_o_59, p->v75, p->v79, p->v128, p->v5_b, 0, 32, 0);
    k17_v130(p->v5_W, p->v79, p->v128, p->last_o_52, p->v80, 0, 32, 0);
    k16_v131(p->last_o_52, p->v80, p->v84, p->v124, p->v4_b, 0, 32, 0);
    k17_v130(p->v4_W, p->v84, p->v124, p->last_o_45, p->v85, 0, 32, 0);
    k16_v131(p->last_o_45, p->v85, p->v89, p->v120, p->v3_b, 0, 32, 0);
    k17_v130(p->v3_W, p->v89, p->v120, p->last_o_38, p->v90, 0, 32, 0);
    k16_v131(p->last_o_38, p->v90, p->v94, p->v116, p->v2_b, 0, 32, 0);
    k17_v130(p->v2_W, p->v94, p->v116, p->last_o_31, p->v95, 0, 32, 0);
    k16_v131(p->last_o_31, p->v95, p->v99, p->v112, p->v1_b, 0, 32, 0);
    k17_v130(p->v1_W, p->v99, p->v112, p->last_o, p->v100, 0, 32, 0);
    k26_v111(p, 0, 32, 0);
    k27_v107(p, 0, 10, 0);
    k28_v109(p, 0, 10, 0);
}

static void bh_step(struct step *restrict p) {
    bh_part0(p);
    (void)p;
}

EXPORT void bh_advance(struct step *restrict p) {
    (void)p;
}

#include "epoch.h"
