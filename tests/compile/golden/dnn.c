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
    double *restrict x = p->x;
    double *restrict v0_W = p->v0_W;
    double *restrict v17 = p->v17;
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
static void k1_last_o(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v0_b = p->v0_b;
    double *restrict v17 = p->v17;
    double *restrict last_o = p->last_o;
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
static void k2_v26_begin(struct step *restrict p) {
    double *restrict v26 = p->v26;
    for (int64_t i = 0; i < 32; i++) v26[i] = 0.0;
}

/* Neuron[1].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[1].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k2_v26(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v1_W = p->v1_W;
    double *restrict last_o = p->last_o;
    double *restrict v26 = p->v26;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            v26[j] = bh_madd_d(v1_W[32 * i + j], last_o[i], v26[j]);
        }
    }
}

/* Neuron[1].__call__  notes_code.py:243: self.last_h = _m(_t(self.W), x) + self.b */
/* Sigmoid3[1].__call__  notes_code.py:208: self.last_o = 1 / (1.0 + np.exp(-x)) */
static void k3_last_o_31(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v1_b = p->v1_b;
    double *restrict v26 = p->v26;
    double *restrict last_o_31 = p->last_o_31;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double last_h_27 = v26[i] + v1_b[i];
        const double v28 = -last_h_27;
        const double v29 = bh_exp_d(v28);
        const double v30 = 1.0 + v29;
        const double last_o_31_2 = 1.0 / v30;
        last_o_31[i] = last_o_31_2;
    }
}

/* Neuron[2].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[2].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k4_v33_begin(struct step *restrict p) {
    double *restrict v33 = p->v33;
    for (int64_t i = 0; i < 32; i++) v33[i] = 0.0;
}

/* Neuron[2].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[2].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k4_v33(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v2_W = p->v2_W;
    double *restrict last_o_31 = p->last_o_31;
    double *restrict v33 = p->v33;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            v33[j] = bh_madd_d(v2_W[32 * i + j], last_o_31[i], v33[j]);
        }
    }
}

/* Neuron[2].__call__  notes_code.py:243: self.last_h = _m(_t(self.W), x) + self.b */
/* Sigmoid3[2].__call__  notes_code.py:208: self.last_o = 1 / (1.0 + np.exp(-x)) */
static void k5_last_o_38(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v2_b = p->v2_b;
    double *restrict v33 = p->v33;
    double *restrict last_o_38 = p->last_o_38;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double last_h_34 = v33[i] + v2_b[i];
        const double v35 = -last_h_34;
        const double v36 = bh_exp_d(v35);
        const double v37 = 1.0 + v36;
        const double last_o_38_2 = 1.0 / v37;
        last_o_38[i] = last_o_38_2;
    }
}

/* Neuron[3].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[3].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k6_v40_begin(struct step *restrict p) {
    double *restrict v40 = p->v40;
    for (int64_t i = 0; i < 32; i++) v40[i] = 0.0;
}

/* Neuron[3].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[3].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k6_v40(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v3_W = p->v3_W;
    double *restrict last_o_38 = p->last_o_38;
    double *restrict v40 = p->v40;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            v40[j] = bh_madd_d(v3_W[32 * i + j], last_o_38[i], v40[j]);
        }
    }
}

/* Neuron[3].__call__  notes_code.py:243: self.last_h = _m(_t(self.W), x) + self.b */
/* Sigmoid3[3].__call__  notes_code.py:208: self.last_o = 1 / (1.0 + np.exp(-x)) */
static void k7_last_o_45(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v3_b = p->v3_b;
    double *restrict v40 = p->v40;
    double *restrict last_o_45 = p->last_o_45;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double last_h_41 = v40[i] + v3_b[i];
        const double v42 = -last_h_41;
        const double v43 = bh_exp_d(v42);
        const double v44 = 1.0 + v43;
        const double last_o_45_2 = 1.0 / v44;
        last_o_45[i] = last_o_45_2;
    }
}

/* Neuron[4].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[4].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k8_v47_begin(struct step *restrict p) {
    double *restrict v47 = p->v47;
    for (int64_t i = 0; i < 32; i++) v47[i] = 0.0;
}

/* Neuron[4].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[4].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k8_v47(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v4_W = p->v4_W;
    double *restrict last_o_45 = p->last_o_45;
    double *restrict v47 = p->v47;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            v47[j] = bh_madd_d(v4_W[32 * i + j], last_o_45[i], v47[j]);
        }
    }
}

/* Neuron[4].__call__  notes_code.py:243: self.last_h = _m(_t(self.W), x) + self.b */
/* Sigmoid3[4].__call__  notes_code.py:208: self.last_o = 1 / (1.0 + np.exp(-x)) */
static void k9_last_o_52(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v4_b = p->v4_b;
    double *restrict v47 = p->v47;
    double *restrict last_o_52 = p->last_o_52;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double last_h_48 = v47[i] + v4_b[i];
        const double v49 = -last_h_48;
        const double v50 = bh_exp_d(v49);
        const double v51 = 1.0 + v50;
        const double last_o_52_2 = 1.0 / v51;
        last_o_52[i] = last_o_52_2;
    }
}

/* Neuron[5].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[5].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k10_v54_begin(struct step *restrict p) {
    double *restrict v54 = p->v54;
    for (int64_t i = 0; i < 32; i++) v54[i] = 0.0;
}

/* Neuron[5].__call__  notes_code.py:196: return np.transpose(x) */
/* Neuron[5].__call__  notes_code.py:200: return np.matmul(A, B) */
static void k10_v54(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v5_W = p->v5_W;
    double *restrict last_o_52 = p->last_o_52;
    double *restrict v54 = p->v54;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 32; j++) {
            v54[j] = bh_madd_d(v5_W[32 * i + j], last_o_52[i], v54[j]);
        }
    }
}

/* Neuron[5].__call__  notes_code.py:243: self.last_h = _m(_t(self.W), x) + self.b */
/* Sigmoid3[5].__call__  notes_code.py:208: self.last_o = 1 / (1.0 + np.exp(-x)) */
static void k11_last_o_59(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v5_b = p->v5_b;
    double *restrict v54 = p->v54;
    double *restrict last_o_59 = p->last_o_59;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double last_h_55 = v54[i] + v5_b[i];
        const double v56 = -last_h_55;
        const double v57 = bh_exp_d(v56);
        const double v58 = 1.0 + v57;
        const double last_o_59_2 = 1.0 / v58;
        last_o_59[i] = last_o_59_2;
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
    double *restrict v6_W = p->v6_W;
    double *restrict last_o_59 = p->last_o_59;
    double *restrict v61 = p->v61;
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
    double *restrict y = p->y;
    double *restrict v6_b = p->v6_b;
    double *restrict v61 = p->v61;
    double *restrict v69 = p->v69;
    double *restrict v74 = p->v74;
    double *restrict v132 = p->v132;
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
    double *restrict last_o_59 = p->last_o_59;
    double *restrict v74 = p->v74;
    double *restrict v75 = p->v75;
    double *restrict v132 = p->v132;
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
static void k16_v131(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v5_b = p->v5_b;
    double *restrict last_o_59 = p->last_o_59;
    double *restrict v75 = p->v75;
    double *restrict v79 = p->v79;
    double *restrict v128 = p->v128;
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
static void k17_v130(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v5_W = p->v5_W;
    double *restrict last_o_52 = p->last_o_52;
    double *restrict v79 = p->v79;
    double *restrict v80 = p->v80;
    double *restrict v128 = p->v128;
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

/* Sigmoid3[4].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
/* notes_code.py:301: layer.b += -alpha * layer.db */
static void k18_v127(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v4_b = p->v4_b;
    double *restrict last_o_52 = p->last_o_52;
    double *restrict v80 = p->v80;
    double *restrict v84 = p->v84;
    double *restrict v124 = p->v124;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double v82 = 1.0 - last_o_52[i];
        const double v83 = last_o_52[i] * v82;
        const double v84_2 = v83 * v80[i];
        v84[i] = v84_2;
        const double v124_2 = 0.01 * v84_2;
        v124[i] = v124_2;
        const double old_v4_b = v4_b[i];
        const double v127 = old_v4_b - v124_2;
        v4_b[i] = v127;
    }
}

/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* Neuron[4].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
static void k19_v126(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v4_W = p->v4_W;
    double *restrict last_o_45 = p->last_o_45;
    double *restrict v84 = p->v84;
    double *restrict v85 = p->v85;
    double *restrict v124 = p->v124;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        double acc = 0.0;
        #pragma omp simd reduction(+:acc)
        for (int64_t j = 0; j < 32; j++) {
            const double old_v4_W = v4_W[32 * i + j];
            acc = bh_madd_d(old_v4_W, v84[j], acc);
            const double v125 = v124[j] * last_o_45[i];
            const double v126 = old_v4_W - v125;
            v4_W[32 * i + j] = v126;
        }
        v85[i] = acc;
    }
}

/* Sigmoid3[3].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
/* notes_code.py:301: layer.b += -alpha * layer.db */
static void k20_v123(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v3_b = p->v3_b;
    double *restrict last_o_45 = p->last_o_45;
    double *restrict v85 = p->v85;
    double *restrict v89 = p->v89;
    double *restrict v120 = p->v120;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double v87 = 1.0 - last_o_45[i];
        const double v88 = last_o_45[i] * v87;
        const double v89_2 = v88 * v85[i];
        v89[i] = v89_2;
        const double v120_2 = 0.01 * v89_2;
        v120[i] = v120_2;
        const double old_v3_b = v3_b[i];
        const double v123 = old_v3_b - v120_2;
        v3_b[i] = v123;
    }
}

/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* Neuron[3].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
static void k21_v122(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v3_W = p->v3_W;
    double *restrict last_o_38 = p->last_o_38;
    double *restrict v89 = p->v89;
    double *restrict v90 = p->v90;
    double *restrict v120 = p->v120;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        double acc = 0.0;
        #pragma omp simd reduction(+:acc)
        for (int64_t j = 0; j < 32; j++) {
            const double old_v3_W = v3_W[32 * i + j];
            acc = bh_madd_d(old_v3_W, v89[j], acc);
            const double v121 = v120[j] * last_o_38[i];
            const double v122 = old_v3_W - v121;
            v3_W[32 * i + j] = v122;
        }
        v90[i] = acc;
    }
}

/* Sigmoid3[2].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
/* notes_code.py:301: layer.b += -alpha * layer.db */
static void k22_v119(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v2_b = p->v2_b;
    double *restrict last_o_38 = p->last_o_38;
    double *restrict v90 = p->v90;
    double *restrict v94 = p->v94;
    double *restrict v116 = p->v116;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double v92 = 1.0 - last_o_38[i];
        const double v93 = last_o_38[i] * v92;
        const double v94_2 = v93 * v90[i];
        v94[i] = v94_2;
        const double v116_2 = 0.01 * v94_2;
        v116[i] = v116_2;
        const double old_v2_b = v2_b[i];
        const double v119 = old_v2_b - v116_2;
        v2_b[i] = v119;
    }
}

/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* Neuron[2].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
static void k23_v118(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v2_W = p->v2_W;
    double *restrict last_o_31 = p->last_o_31;
    double *restrict v94 = p->v94;
    double *restrict v95 = p->v95;
    double *restrict v116 = p->v116;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        double acc = 0.0;
        #pragma omp simd reduction(+:acc)
        for (int64_t j = 0; j < 32; j++) {
            const double old_v2_W = v2_W[32 * i + j];
            acc = bh_madd_d(old_v2_W, v94[j], acc);
            const double v117 = v116[j] * last_o_31[i];
            const double v118 = old_v2_W - v117;
            v2_W[32 * i + j] = v118;
        }
        v95[i] = acc;
    }
}

/* Sigmoid3[1].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
/* notes_code.py:301: layer.b += -alpha * layer.db */
static void k24_v115(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v1_b = p->v1_b;
    double *restrict last_o_31 = p->last_o_31;
    double *restrict v95 = p->v95;
    double *restrict v99 = p->v99;
    double *restrict v112 = p->v112;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const double v97 = 1.0 - last_o_31[i];
        const double v98 = last_o_31[i] * v97;
        const double v99_2 = v98 * v95[i];
        v99[i] = v99_2;
        const double v112_2 = 0.01 * v99_2;
        v112[i] = v112_2;
        const double old_v1_b = v1_b[i];
        const double v115 = old_v1_b - v112_2;
        v1_b[i] = v115;
    }
}

/* DNN[0].calc_gradient  notes_code.py:200: return np.matmul(A, B) */
/* Neuron[1].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:300: layer.W += -alpha * layer.dW */
static void k25_v114(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v1_W = p->v1_W;
    double *restrict last_o = p->last_o;
    double *restrict v99 = p->v99;
    double *restrict v100 = p->v100;
    double *restrict v112 = p->v112;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        double acc = 0.0;
        #pragma omp simd reduction(+:acc)
        for (int64_t j = 0; j < 32; j++) {
            const double old_v1_W = v1_W[32 * i + j];
            acc = bh_madd_d(old_v1_W, v99[j], acc);
            const double v113 = v112[j] * last_o[i];
            const double v114 = old_v1_W - v113;
            v1_W[32 * i + j] = v114;
        }
        v100[i] = acc;
    }
}

/* Sigmoid3[0].grad  notes_code.py:212: return self.last_o * (1 - self.last_o) */
/* Neuron[0].grad_W  notes_code.py:253: grad[:, j] = dh[j] * grad_a[j] * self.last_x */
/* notes_code.py:301: layer.b += -alpha * layer.db */
static void k26_v111(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    double *restrict v0_b = p->v0_b;
    double *restrict last_o = p->last_o;
    double *restrict v100 = p->v100;
    double *restrict v104 = p->v104;
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
    double *restrict v104 = p->v104;
    double *restrict v107 = p->v107;
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
    k1_last_o(p, 0, 32, 0);
    k2_v26_begin(p);
    k2_v26(p, 0, 32, 0);
    k3_last_o_31(p, 0, 32, 0);
    k4_v33_begin(p);
    k4_v33(p, 0, 32, 0);
    k5_last_o_38(p, 0, 32, 0);
    k6_v40_begin(p);
    k6_v40(p, 0, 32, 0);
    k7_last_o_45(p, 0, 32, 0);
    k8_v47_begin(p);
    k8_v47(p, 0, 32, 0);
    k9_last_o_52(p, 0, 32, 0);
    k10_v54_begin(p);
    k10_v54(p, 0, 32, 0);
    k11_last_o_59(p, 0, 32, 0);
    k12_v61_begin(p);
    k12_v61(p, 0, 32, 0);
    k13_v135(p, 0, 2, 0);
    k14_v71(p, 0, 1, 0);
    k15_v134(p, 0, 32, 0);
    k16_v131(p, 0, 32, 0);
    k17_v130(p, 0, 32, 0);
    k18_v127(p, 0, 32, 0);
    k19_v126(p, 0, 32, 0);
    k20_v123(p, 0, 32, 0);
    k21_v122(p, 0, 32, 0);
    k22_v119(p, 0, 32, 0);
    k23_v118(p, 0, 32, 0);
    k24_v115(p, 0, 32, 0);
    k25_v114(p, 0, 32, 0);
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
