/* A step's call without Python in between: is everything in its place, are these the arrays that the program was made for,
   the step, its result.

   Declares what it uses of Python's stable ABI, because Python's headers are not on every machine, and of an array the
   head that NumPy shows to every extension. Whether that is how things lie here, Python asks at the start: bh_sees. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct object { size_t references; struct object *type; } object;
typedef struct {
    object head;
    char *data;
    int dimensions;
    int64_t *shape, *strides;
    object *base, *dtype;
    int flags;
} array;
typedef object *function(object *self, object *const *arguments, ptrdiff_t count);
typedef struct { const char *name; function *run; int flags; const char *doc; } method;
enum { FASTCALL = 0x80, C_CONTIGUOUS = 1, MAY_BE_WRITTEN = 0x400 };

extern object *PyCFunction_NewEx(method *, object *self, object *module);
extern object *PyList_GetItem(object *, ptrdiff_t);
extern object *PyObject_GetItem(object *, object *key);
extern object *PyObject_GetAttr(object *, object *name);
extern object *PySequence_GetItem(object *, ptrdiff_t);
extern object *PyBool_FromLong(long);
extern object *PySequence_List(object *);
extern int PyDict_Next(object *, ptrdiff_t *place, object **key, object **value);
extern ptrdiff_t PyObject_Size(object *);
extern int PyObject_RichCompareBool(object *, object *, int);
extern void PyErr_Clear(void), PyErr_SetString(object *, const char *);
extern void Py_IncRef(object *), Py_DecRef(object *);
extern void *PyEval_SaveThread(void);
extern void PyEval_RestoreThread(void *);
extern object *PyExc_IndexError;

/* What Python fills in, each member 8 bytes. */
struct item { object *key, *value; };  /* no value: anything */
struct check { int64_t how; object *holder, *key, *value; ptrdiff_t length; const struct item *items; };
enum { DICT, LIST, ITEM, ATTRIBUTE, LENGTH, SET, ORDER, ABSENT, WRITEABLE };
enum { EQUAL = 2 };  /* Py_EQ */
struct argument { object *type, *dtype; void *target; int64_t size, dimensions, shape[8]; };
struct call {
    int64_t checks, arguments;
    const struct check *check;
    const struct argument *argument;
    void (*step)(void *);
    void *block;
    int64_t *error;
    const char *message;
    object *result, *miss;
    int64_t owners;
    object *const *owner;
};

static int has_items(const struct check *k) {
    object *key, *value;
    ptrdiff_t place = 0, n = 0;
    for (; PyDict_Next(k->holder, &place, &key, &value); n++)
        if (n == k->length || key != k->items[n].key || (k->items[n].value && value != k->items[n].value)) return 0;
    return n == k->length;
}

static int in_order(const struct check *k) {
    object *keys = PySequence_List(k->holder);
    if (!keys) return 0;
    int same = PyObject_RichCompareBool(keys, k->value, EQUAL) == 1;
    Py_DecRef(keys);
    return same;
}

static int holds(const struct call *c) {
    for (const struct check *k = c->check; k < c->check + c->checks; k++) {
        object *found = 0;
        switch (k->how) {
        case DICT:
            if (has_items(k)) continue;
            goto differs;
        case ITEM: found = PyObject_GetItem(k->holder, k->key); if (found) Py_DecRef(found); break;
        case ATTRIBUTE: found = PyObject_GetAttr(k->holder, k->key); if (found) Py_DecRef(found); break;
        case LENGTH:
            if (PyObject_Size(k->holder) == k->length) continue;
            goto differs;
        case LIST:
            if (PyObject_Size(k->holder) != k->length) goto differs;
            for (ptrdiff_t i = 0; i < k->length; i++)
                if (PyList_GetItem(k->holder, i) != PyList_GetItem(k->value, i)) goto differs;
            continue;
        case SET:
            if (PyObject_RichCompareBool(k->holder, k->value, EQUAL) == 1) continue;
            goto differs;
        case ORDER:
            if (in_order(k)) continue;
            goto differs;
        case ABSENT:
            found = PyObject_GetAttr(k->holder, k->key);
            if (found) { Py_DecRef(found); goto differs; }
            PyErr_Clear();
            continue;
        case WRITEABLE:
            if (((const array *)k->holder)->flags & MAY_BE_WRITTEN) continue;
            goto differs;
        }
        if (!found || found != k->value) goto differs;
    }
    return 1;
differs:
    PyErr_Clear();
    return 0;
}

/* May the value look into memory that the step writes? */
static int looks_into(const struct call *c, object *value) {
    for (int64_t i = 0; i < c->owners; i++)
        if (value == c->owner[i] || ((const array *)value)->base == c->owner[i]) return 1;
    return 0;
}

/* Takes the value into the program's memory if it is just what that expects. */
static int take(const struct argument *a, object *value) {
    const array *x = (const array *)value;
    if (value->type != a->type || x->dtype != a->dtype || x->dimensions != a->dimensions) return 0;
    if (!(x->flags & C_CONTIGUOUS) || memcmp(x->shape, a->shape, 8 * a->dimensions)) return 0;
    memcpy(a->target, x->data, a->size);
    return 1;
}

static const struct call *call_of(object *record) { return (const struct call *)((array *)record)->data; }

static object *run(object *record, object *const *arguments, ptrdiff_t count) {
    const struct call *c = call_of(record);
    if (count != c->arguments || !holds(c)) goto miss;
    for (ptrdiff_t i = 0; i < count; i++)
        if (!take(c->argument + i, arguments[i]) || looks_into(c, arguments[i])) goto miss;
    void *thread = PyEval_SaveThread();
    c->step(c->block);
    PyEval_RestoreThread(thread);
    if (*c->error) {
        *c->error = 0;
        PyErr_SetString(PyExc_IndexError, c->message);
        return 0;
    }
    return PySequence_GetItem(c->result, 0);
miss:
    Py_IncRef(c->miss);
    return c->miss;
}

static object *guard(object *record, object *const *arguments, ptrdiff_t count) {
    (void)arguments, (void)count;
    return PyBool_FromLong(holds(call_of(record)));
}

static method run_method = {"run", run, FASTCALL, 0}, guard_method = {"guard", guard, FASTCALL, 0};

EXPORT object *bh_run(object *record) { return PyCFunction_NewEx(&run_method, record, 0); }
EXPORT object *bh_guard(object *record) { return PyCFunction_NewEx(&guard_method, record, 0); }

/* Does an array lie as declared above? */
EXPORT int bh_sees(object *value, object *type, object *dtype, void *data, int dimensions, int64_t rows, int64_t columns) {
    const array *x = (const array *)value;
    return value->type == type && (void *)x->data == data && x->dimensions == dimensions && x->dtype == dtype
        && (x->flags & C_CONTIGUOUS) && x->shape[0] == rows && x->shape[1] == columns;
}
