/* Many steps without coming back to Python. Gives how many are done: fewer than asked for if Python must do the next
   one's numbers, or if p->error is set. `known`: Python has done those of the first. */
EXPORT int64_t bh_epoch(struct step *restrict p, const struct bh_epoch *e, int64_t first, int64_t known) {
    int64_t s = first;
    for (; s < e->steps; s++) {
        if (!(known && s == first) && !bh_numbers(p)) break;
        p->feed = e->feed;
        p->order = e->order + s * e->batch;
        p->left = (e->steps - s) * e->batch;
        for (int64_t f = 0; f < e->feeds; f++)
            if (!e->feed[f].shared) bh_gather(e->feed + f, p->order, p->left, 0, e->batch);
        bh_step(p);
        if (p->error) break;
        for (int64_t i = 0; i < e->outputs; i++)
            memcpy(e->kept[i].target + s * e->kept[i].size, e->kept[i].source, e->kept[i].size);
        bh_advance(p);
    }
    p->feed = 0;
    return s;
}
