/* A few threads that share out the tasks of a region with the thread that runs the step.

   A task is taken, not given: a worker that the system doesn't run at the moment takes none, and the step goes on
   without it. Nobody spins for long: after SPINS looks a waiting thread sleeps or lets others run. */

#include <pthread.h>
#include <sched.h>
#include <time.h>

enum { BH_SPINS = 2000, BH_MOST_WORKERS = 63 };

typedef void bh_task(struct step *restrict p, int64_t task);

static struct {
    pthread_mutex_t lock;      /* guards sleepers, ready and the start of workers */
    pthread_cond_t wake;
    int workers, sleepers;
    int busy;                  /* a step is using the workers; another one runs alone */
    bh_task *run;
    struct step *step;
    int64_t tasks;
    int64_t ticket;            /* generation << 16 | next task to take */
    int64_t done;              /* tasks that are finished in this generation */
} bh_pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

INLINE void bh_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

SPARE int64_t bh_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Take tasks of the generation that `seen` belongs to until there are no more. */
static void bh_take(int64_t seen) {
    for (;;) {
        int64_t ticket = __atomic_load_n(&bh_pool.ticket, __ATOMIC_ACQUIRE);
        if (ticket >> 16 != seen >> 16) return;
        bh_task *run = __atomic_load_n(&bh_pool.run, __ATOMIC_RELAXED);
        struct step *step = __atomic_load_n(&bh_pool.step, __ATOMIC_RELAXED);
        int64_t task = ticket & 0xffff;
        if (task >= __atomic_load_n(&bh_pool.tasks, __ATOMIC_RELAXED)) return;
        __atomic_thread_fence(__ATOMIC_ACQUIRE); /* if one of these is of a later generation, the ticket is, too: */
        if (!__atomic_compare_exchange_n(&bh_pool.ticket, &ticket, ticket + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) continue;
        run(step, task);
        __atomic_add_fetch(&bh_pool.done, 1, __ATOMIC_RELEASE);
    }
}

static void *bh_work(void *unused) {
    int64_t seen = 0;
    (void)unused;
    for (;;) {
        int64_t ticket;
        int spins = 0;
        while ((ticket = __atomic_load_n(&bh_pool.ticket, __ATOMIC_ACQUIRE)) >> 16 == seen >> 16) {
            if (spins++ < BH_SPINS) { bh_pause(); continue; }
            pthread_mutex_lock(&bh_pool.lock);
            __atomic_add_fetch(&bh_pool.sleepers, 1, __ATOMIC_SEQ_CST);
            while (__atomic_load_n(&bh_pool.ticket, __ATOMIC_SEQ_CST) >> 16 == seen >> 16)
                pthread_cond_wait(&bh_pool.wake, &bh_pool.lock);
            __atomic_sub_fetch(&bh_pool.sleepers, 1, __ATOMIC_SEQ_CST);
            pthread_mutex_unlock(&bh_pool.lock);
        }
        seen = ticket;
        bh_take(seen);
    }
    return 0;
}

/* A child process has none of its parent's threads, and does none of the tasks that those were at. */
static void bh_after_fork(void) {
    static const pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
    bh_pool.lock = lock;
    bh_pool.wake = wake;
    bh_pool.workers = bh_pool.sleepers = bh_pool.busy = 0;
    bh_pool.ticket |= 0xffff;
}

static void bh_start_workers(int wanted) {
    static int watched = 0;
    pthread_attr_t attributes;
    if (!watched) { pthread_atfork(0, 0, bh_after_fork); watched = 1; }
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (bh_pool.workers < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, bh_work, 0)) break;
        bh_pool.workers++;
    }
    pthread_attr_destroy(&attributes);
}

/* Are the workers worth it? On a machine that does other work, or whose processors share their units, they may not be.
   So now and then there is a trial: a window of the other way, then one of this way, and again. Only if the other way
   wins every time it is taken from then on; with the first window that it loses the trial is over. Trials become rarer as
   long as they change nothing, and never take more than a small part of the time; but if steps take longer than they did
   in the last trial, the next one comes at once. */
SPARE void bh_begin(struct step *restrict p) {
    if (p->threads > 1) p->began = bh_clock();
}

SPARE void bh_learn(struct step *restrict p) {
    enum { MS = 1000000, WINDOW = 8 * MS, WINDOWS = 6, SHORTEST = 100 * MS, LONGEST = 1000 * MS, PART = 40, AT_ONCE = 10 };
    if (p->threads < 2) return;
    p->steps++;
    p->time += bh_clock() - p->began;
    if (p->time < WINDOW) return;
    double all = (double)p->time, mean = all / (double)p->steps;
    p->steps = p->time = 0;
    if (p->window == 0) { /* no trial is on */
        p->held += all;
        int worse = mean > 1.25 * p->expected && p->held > AT_ONCE * (WINDOW + p->lost);
        if (p->held < p->hold && !worse) return;
    } else if (p->window % 2) {
        p->tried = mean;
        p->lost = all;
    } else {
        int won = p->tried < mean;
        if (!won || p->window == WINDOWS) { /* the trial is over */
            p->expected = won ? p->tried : mean;
            p->lost = won ? 0 : p->lost * (1 - mean / p->tried);
            p->hold = won || p->hold == 0 ? SHORTEST : p->hold < LONGEST / 2 ? 2 * p->hold : LONGEST;
            if (p->hold < PART * p->lost) p->hold = PART * p->lost;
            p->held = p->window = 0;
            if (won) p->alone = !p->alone;
            return;
        }
    }
    p->window++;
    p->alone = !p->alone;
}

/* Run all tasks of a region, with the workers if they are free. */
SPARE void bh_together(struct step *restrict p, bh_task *run, int64_t tasks) {
    if (p->threads < 2 || p->alone || __atomic_exchange_n(&bh_pool.busy, 1, __ATOMIC_ACQUIRE)) {
        for (int64_t task = 0; task < tasks; task++) run(p, task);
        return;
    }
    if (bh_pool.workers < p->threads - 1) bh_start_workers(p->threads - 1 < BH_MOST_WORKERS ? p->threads - 1 : BH_MOST_WORKERS);
    int64_t ticket = ((__atomic_load_n(&bh_pool.ticket, __ATOMIC_RELAXED) >> 16) + 2) << 16;
    __atomic_store_n(&bh_pool.ticket, ticket - 1, __ATOMIC_SEQ_CST);  /* closed: no late worker takes what is not there */
    __atomic_thread_fence(__ATOMIC_RELEASE); /* ... before any of this can be seen */
    __atomic_store_n(&bh_pool.run, run, __ATOMIC_RELAXED);
    __atomic_store_n(&bh_pool.step, p, __ATOMIC_RELAXED);
    __atomic_store_n(&bh_pool.tasks, tasks, __ATOMIC_RELAXED);
    __atomic_store_n(&bh_pool.done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&bh_pool.ticket, ticket, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&bh_pool.sleepers, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&bh_pool.lock);
        pthread_cond_broadcast(&bh_pool.wake);
        pthread_mutex_unlock(&bh_pool.lock);
    }
    bh_take(ticket);
    int64_t waited = 0;
    while (__atomic_load_n(&bh_pool.done, __ATOMIC_ACQUIRE) < tasks) {
        if (waited++ < BH_SPINS) bh_pause();
        else sched_yield();
    }
    __atomic_store_n(&bh_pool.busy, 0, __ATOMIC_RELEASE);
}
