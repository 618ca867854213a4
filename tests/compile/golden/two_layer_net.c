/* Written by backhand from your NumPy code: a function for each group of fused loops and each product */

#include "elementwise.h"
typedef int64_t bh_int;
#include "product.h"
#include "blas.h"
#include "feed.h"
#include "sparse.h"

struct step {
    float *x; /* float32[100, 784]  x */
    float *t; /* float32[100, 10]  t */
    float *params_W1; /* float32[784, 50]  net.params['W1'] */
    float *params_b1; /* float32[50]  net.params['b1'] */
    float *params_W2; /* float32[50, 10]  net.params['W2'] */
    float *params_b2; /* float32[10]  net.params['b2'] */
    float *v6; /* float32[100, 50]  value 6 */
    float *v11; /* float32[100, 50]  value 11 */
    float *v12; /* float32[100, 10]  value 12 */
    float *v14; /* float32[100, 1]  value 14 */
    float *v16; /* float32[100, 10]  value 16 */
    float *v17; /* float32[100, 1]  value 17 */
    float *y; /* float32[100, 10]  y */
    int64_t *t_19; /* int64[100]  t_19 */
    int64_t *v20; /* int64[100]  value 20 */
    float *v25; /* float32  value 25 */
    float *v28; /* float32  value 28 */
    float *dx; /* float32[100, 10]  dx */
    float *dx_32; /* float32[100, 50]  dx_32 */
    float *db; /* float32[10]  db */
    float *v37; /* float32[100, 50]  value 37 */
    float *db_40; /* float32[50]  db_40 */
    float *db_parts;
    float *v25_parts;
    float *db_40_parts;
    int64_t error, threads;
    bh_gemm_f *gemm_f; /* BLAS */
    bh_gemm_d *gemm_d;
    const struct bh_feed *feed; /* where an epoch's step takes its rows from */
    const int64_t *order; /* the rows of this step and of those that follow: ... */
    int64_t left; /* ... this many */
    struct bh_sparse *sparse; /* the batch without its zeros, if it is mostly zeros */
    int64_t alone, window, began, steps, time; /* are the workers worth it: see bh_learn */
    double hold, held, expected, tried, lost;
};
#include "workers.h"

static void gather_x_begin(struct step *restrict p) {
    float *restrict params_W1 = p->params_W1;
    if (p->sparse && !bh_finite_f(params_W1, 39200)) p->sparse = 0;
}

static void gather_x(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    if (p->sparse) {
        bh_sparse_gather_f(p->sparse, p->feed + 0, p->order, p->left, lo, hi, task);
        return;
    }
    if (p->feed && p->feed[0].shared) bh_gather(p->feed + 0, p->order, p->left, lo, hi);
}

static void gather_t(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    (void)lo; (void)hi; (void)task;
    if (p->feed && p->feed[1].shared) bh_gather(p->feed + 1, p->order, p->left, lo, hi);
}

/* Affine[0].forward  notes_code.py:107: out = np.dot(x, self.W) + self.b */
BH_CONTRACT
static void k0_v6(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict params_W1 = p->params_W1;
    float *restrict v6 = p->v6;
    float *restrict x = p->x;
    (void)lo; (void)hi; (void)task;
    if (p->sparse) {
        bh_sparse_forward_f(p->sparse, lo, hi, 50, params_W1, v6);
        return;
    }
    p->gemm_f(101, 111, 111, hi - lo, 50, 784, 1.0f, x + lo * 784, 784, params_W1, 50, 0.0f, v6 + lo * 50, 50);
}
BH_PLAIN

/* Affine[0].forward  notes_code.py:107: out = np.dot(x, self.W) + self.b */
/* Relu[0].forward  notes_code.py:68: self.mask = x <= 0 */
/* Relu[0].forward  notes_code.py:70: out[self.mask] = 0 */
static void k1_v11(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v6 = p->v6;
    float *restrict params_b1 = p->params_b1;
    float *restrict v11 = p->v11;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 50; j++) {
            const float out = v6[50 * i + j] + params_b1[j];
            const _Bool mask = out <= 0.0f;
            const float v11_2 = mask ? 0.0f : out;
            v11[50 * i + j] = v11_2;
        }
    }
}

BH_CONTRACT
static void product_f_10_50_50_1_10_1(int64_t lo, int64_t hi, float alpha, const float *a, const float *b, float beta, float *c) {
    float pack[50 * (10 + BH_LANES_f)];
    bh_product_f(lo, hi, 10, 50, alpha, a, 50, 1, b, 10, 1, beta, c, 10, pack);
}
BH_PLAIN

/* Affine[1].forward  notes_code.py:107: out = np.dot(x, self.W) + self.b */
BH_CONTRACT
static void k2_v12(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v11 = p->v11;
    float *restrict params_W2 = p->params_W2;
    float *restrict v12 = p->v12;
    (void)lo; (void)hi; (void)task;
    product_f_10_50_50_1_10_1(lo, hi, 1.0f, v11, params_W2, 0.0f, v12);
}
BH_PLAIN

static void region_gather_x(struct step *restrict p, int64_t task) {
        int64_t lo = 100 * task / 2, hi = 100 * (task + 1) / 2;
        gather_x(p, lo, hi, task);
        gather_t(p, lo, hi, task);
        k0_v6(p, lo, hi, task);
        k1_v11(p, lo, hi, task);
        k2_v12(p, lo, hi, task);
}

/* Affine[1].forward  notes_code.py:107: out = np.dot(x, self.W) + self.b */
/* SoftmaxWithLoss[0].forward  notes_code.py:13: x = x - np.max(x, axis=0) */
/* SoftmaxWithLoss[0].forward  notes_code.py:25: t = t.argmax(axis=1) */
static void k3_t_19(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v12 = p->v12;
    float *restrict params_b2 = p->params_b2;
    float *restrict t = p->t;
    float *restrict v14 = p->v14;
    int64_t *restrict t_19 = p->t_19;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        float acc = (-INFINITY);
        int nan = 0;
        float best = 0;
        int64_t number = -1;
        for (int64_t j = 0; j < 10; j++) {
            const float out_13 = v12[10 * i + j] + params_b2[j];
            nan |= out_13 != out_13;
            acc = out_13 > acc ? out_13 : acc;
            if (number < 0 || t[10 * i + j] > best || (t[10 * i + j] != t[10 * i + j] && best == best)) { best = t[10 * i + j]; number = j; }
        }
        v14[i] = (nan ? NAN : acc);
        t_19[i] = number;
    }
}

/* Affine[1].forward  notes_code.py:107: out = np.dot(x, self.W) + self.b */
/* SoftmaxWithLoss[0].forward  notes_code.py:13: x = x - np.max(x, axis=0) */
/* SoftmaxWithLoss[0].forward  notes_code.py:14: y = np.exp(x) / np.sum(np.exp(x), axis=0) */
static void k4_v17(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v12 = p->v12;
    float *restrict params_b2 = p->params_b2;
    float *restrict v14 = p->v14;
    float *restrict v16 = p->v16;
    float *restrict v17 = p->v17;
    (void)lo; (void)hi; (void)task;
    for (int64_t i = lo; i < hi; i++) {
        float acc = 0.0f;
        #pragma omp simd reduction(+:acc)
        for (int64_t j = 0; j < 10; j++) {
            const float out_13 = v12[10 * i + j] + params_b2[j];
            const float x_15 = out_13 - v14[i];
            const float v16_2 = bh_exp_f(x_15);
            v16[10 * i + j] = v16_2;
            acc += v16_2;
        }
        v17[i] = acc;
    }
}

/* SoftmaxWithLoss[0].forward  notes_code.py:15: return y.T */
/* SoftmaxWithLoss[0].backward  notes_code.py:133: dx = (self.y - self.t) / batch_size */
/* Affine[1].backward  notes_code.py:114: self.db = np.sum(dout, axis=0) */
static void k5_db(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict db_parts = p->db_parts;
    float *restrict v16 = p->v16;
    float *restrict v17 = p->v17;
    float *restrict y = p->y;
    float *restrict t = p->t;
    float *restrict dx = p->dx;
    (void)lo; (void)hi; (void)task;
    float *restrict db_part = db_parts + task * 16;
    for (int64_t i = 0; i < 10; i++) db_part[i] = 0.0f;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 10; j++) {
            const float y_2 = v16[10 * i + j] / v17[i];
            y[10 * i + j] = y_2;
            const float v29 = y_2 - t[10 * i + j];
            const float dx_2 = v29 / 100.0f;
            dx[10 * i + j] = dx_2;
            db_part[j] += dx_2;
        }
    }
}

/* SoftmaxWithLoss[0].forward  notes_code.py:15: return y.T */
/* SoftmaxWithLoss[0].backward  notes_code.py:133: dx = (self.y - self.t) / batch_size */
/* Affine[1].backward  notes_code.py:114: self.db = np.sum(dout, axis=0) */
static void k5_db_end(struct step *restrict p) {
    float *restrict db = p->db;
    float *restrict db_parts = p->db_parts;
    for (int64_t i = 0; i < 10; i++) db[i] = db_parts[i];
    for (int64_t task = 1; task < 2; task++)
        for (int64_t i = 0; i < 10; i++) db[i] += db_parts[task * 16 + i];
}

/* SoftmaxWithLoss[0].forward  notes_code.py:27: return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size */
static void k6_v25(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v25_parts = p->v25_parts;
    float *restrict y = p->y;
    int64_t *restrict v20 = p->v20;
    int64_t *restrict t_19 = p->t_19;
    (void)lo; (void)hi; (void)task;
    float *restrict v25_part = v25_parts + task * 16;
    float acc = 0.0f;
    for (int64_t i = lo; i < hi; i++) {
        const float v21 = y[10 * bh_place(v20[i], 100, &p->error) + bh_place(t_19[i], 10, &p->error)];
        const float v23 = v21 + 1e-07f;
        const float v24 = bh_log_f(v23);
        acc += v24;
    }
    v25_part[0] = acc;
}

/* SoftmaxWithLoss[0].forward  notes_code.py:27: return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size */
static void k6_v25_end(struct step *restrict p) {
    float *restrict v25 = p->v25;
    float *restrict v25_parts = p->v25_parts;
    for (int64_t i = 0; i < 1; i++) v25[i] = v25_parts[i];
    for (int64_t task = 1; task < 2; task++)
        for (int64_t i = 0; i < 1; i++) v25[i] += v25_parts[task * 16 + i];
}

BH_CONTRACT
static void product_f_50_10_10_1_1_10(int64_t lo, int64_t hi, float alpha, const float *a, const float *b, float beta, float *c) {
    float pack[10 * (50 + BH_LANES_f)];
    bh_product_f(lo, hi, 50, 10, alpha, a, 10, 1, b, 1, 10, beta, c, 50, pack);
}
BH_PLAIN

/* Affine[1].backward  notes_code.py:112: dx = np.dot(dout, self.W.T) */
BH_CONTRACT
static void k8_dx_32(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict dx = p->dx;
    float *restrict params_W2 = p->params_W2;
    float *restrict dx_32 = p->dx_32;
    (void)lo; (void)hi; (void)task;
    product_f_50_10_10_1_1_10(lo, hi, 1.0f, dx, params_W2, 0.0f, dx_32);
}
BH_PLAIN

/* Relu[0].backward  notes_code.py:75: dout[self.mask] = 0 */
/* Affine[0].backward  notes_code.py:114: self.db = np.sum(dout, axis=0) */
static void k9_db_40(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict db_40_parts = p->db_40_parts;
    float *restrict v11 = p->v11;
    float *restrict dx_32 = p->dx_32;
    float *restrict v37 = p->v37;
    (void)lo; (void)hi; (void)task;
    float *restrict db_40_part = db_40_parts + task * 64;
    for (int64_t i = 0; i < 50; i++) db_40_part[i] = 0.0f;
    for (int64_t i = lo; i < hi; i++) {
        #pragma omp simd
        for (int64_t j = 0; j < 50; j++) {
            const _Bool v36 = v11[50 * i + j] <= 0.0f;
            const float v37_2 = v36 ? 0.0f : dx_32[50 * i + j];
            v37[50 * i + j] = v37_2;
            db_40_part[j] += v37_2;
        }
    }
}

/* Relu[0].backward  notes_code.py:75: dout[self.mask] = 0 */
/* Affine[0].backward  notes_code.py:114: self.db = np.sum(dout, axis=0) */
static void k9_db_40_end(struct step *restrict p) {
    float *restrict db_40 = p->db_40;
    float *restrict db_40_parts = p->db_40_parts;
    for (int64_t i = 0; i < 50; i++) db_40[i] = db_40_parts[i];
    for (int64_t task = 1; task < 2; task++)
        for (int64_t i = 0; i < 50; i++) db_40[i] += db_40_parts[task * 64 + i];
}

/* Affine[0].backward  notes_code.py:113: self.dW = np.dot(self.x.T, dout) */
/* SGD[0].update  book.py:14: params[key] -= self.lr * grads[key] */
BH_CONTRACT
static void k10_v43_begin(struct step *restrict p) {
    float *restrict v37 = p->v37;
    if (p->sparse && !bh_finite_f(v37, 5000)) { p->sparse = 0; bh_gather(p->feed + 0, p->order, p->left, 0, 100); }
}
BH_PLAIN

/* Affine[0].backward  notes_code.py:113: self.dW = np.dot(self.x.T, dout) */
/* SGD[0].update  book.py:14: params[key] -= self.lr * grads[key] */
BH_CONTRACT
static void k10_v43(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v37 = p->v37;
    float *restrict params_W1 = p->params_W1;
    float *restrict x = p->x;
    (void)lo; (void)hi; (void)task;
    if (p->sparse) {
        bh_sparse_backward_f(p->sparse, 100, lo, hi, 50, -(0.1f), v37, 1.0f, params_W1, task);
        return;
    }
    p->gemm_f(101, 112, 111, hi - lo, 50, 100, -(0.1f), x + lo * 1, 784, v37, 50, 1.0f, params_W1 + lo * 50, 50);
}
BH_PLAIN

/* SoftmaxWithLoss[0].forward  notes_code.py:27: return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size */
static void k7_v28(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v25 = p->v25;
    float *restrict v28 = p->v28;
    (void)lo; (void)hi; (void)task;
    const float v28_2 = v25[0] / (-100.0f);
    v28[0] = v28_2;
}

/* SGD[0].update  book.py:14: params[key] -= self.lr * grads[key] */
static void k11_v45(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict params_b1 = p->params_b1;
    float *restrict db_40 = p->db_40;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const float old_params_b1 = params_b1[i];
        const float v44 = 0.1f * db_40[i];
        const float v45 = old_params_b1 - v44;
        params_b1[i] = v45;
    }
}

BH_CONTRACT
static void product_f_10_100_1_50_10_1(int64_t lo, int64_t hi, float alpha, const float *a, const float *b, float beta, float *c) {
    float pack[100 * (10 + BH_LANES_f)];
    bh_product_f(lo, hi, 10, 100, alpha, a, 1, 50, b, 10, 1, beta, c, 10, pack);
}
BH_PLAIN

/* Affine[1].backward  notes_code.py:113: self.dW = np.dot(self.x.T, dout) */
/* SGD[0].update  book.py:14: params[key] -= self.lr * grads[key] */
BH_CONTRACT
static void k12_v47(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict v11 = p->v11;
    float *restrict dx = p->dx;
    float *restrict params_W2 = p->params_W2;
    (void)lo; (void)hi; (void)task;
    product_f_10_100_1_50_10_1(lo, hi, -(0.1f), v11, dx, 1.0f, params_W2);
}
BH_PLAIN

/* SGD[0].update  book.py:14: params[key] -= self.lr * grads[key] */
static void k13_v49(struct step *restrict p, int64_t lo, int64_t hi, int64_t task) {
    float *restrict params_b2 = p->params_b2;
    float *restrict db = p->db;
    (void)lo; (void)hi; (void)task;
    #pragma omp simd
    for (int64_t i = lo; i < hi; i++) {
        const float old_params_b2 = params_b2[i];
        const float v48 = 0.1f * db[i];
        const float v49 = old_params_b2 - v48;
        params_b2[i] = v49;
    }
}

static void region_k10(struct step *restrict p, int64_t task) {
    if (task < 2) {
        int64_t lo = 784 * task / 2, hi = 784 * (task + 1) / 2;
        k10_v43(p, lo, hi, task);
    } else {
        k7_v28(p, 0, 1, 0);
        k11_v45(p, 0, 50, 0);
        k12_v47(p, 0, 50, 0);
        k13_v49(p, 0, 10, 0);
    }
}

EXPORT int64_t bh_numbers(struct step *restrict p) {
    (void)p;
    return 1;
}

EXPORT void bh_part0(struct step *restrict p) {
    bh_begin(p);
    gather_x_begin(p);
    bh_together(p, region_gather_x, 2);
    k3_t_19(p, 0, 100, 0);
    k4_v17(p, 0, 100, 0);
    for (int64_t task = 0; task < 2; task++) k5_db(p, 100 * task / 2, 100 * (task + 1) / 2, task);
    k5_db_end(p);
    for (int64_t task = 0; task < 2; task++) k6_v25(p, 100 * task / 2, 100 * (task + 1) / 2, task);
    k6_v25_end(p);
    if (p->error) return;
    k8_dx_32(p, 0, 100, 0);
    for (int64_t task = 0; task < 2; task++) k9_db_40(p, 100 * task / 2, 100 * (task + 1) / 2, task);
    k9_db_40_end(p);
    k10_v43_begin(p);
    bh_together(p, region_k10, 3);
    bh_learn(p);
}

static void bh_step(struct step *restrict p) {
    bh_part0(p);
    (void)p;
}

EXPORT void bh_advance(struct step *restrict p) {
    (void)p;
}

#include "epoch.h"
