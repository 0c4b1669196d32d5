-- Promo codes that add percent to a purchase, instead of giving credits.
set lock_timeout = '4s';
set statement_timeout = '60s';

alter table private.promo_code_versions
  add column bonus_percent integer check (bonus_percent between 1 and 500),
  alter column credits drop not null,
  add constraint promo_code_versions_give_one_thing check ((credits is null) <> (bonus_percent is null));
comment on table private.promo_code_versions is 'What a code gives, never changed: a change is a new version. credits, or bonus_percent of what is bought with it. credits_last_days: life of the credits (null: they do not expire). Null bounds and caps: none.';

alter table private.promo_redemptions
  add column payment_id uuid unique references public.payments (id),
  alter column transaction_id drop not null,
  add constraint promo_redemptions_are_booked check (transaction_id is not null or payment_id is not null);
comment on table private.promo_redemptions is 'Who redeemed which version, and the ledger row it became; with payment_id: at a purchase, whose payment books it and decides whether it counts.';
comment on table private.promo_codes is 'A code, in capitals. version: the one that counts now. uses: redemptions of all versions that gave credits; changed under this row''s lock. Those at purchases are counted by their payments.';
create index promo_redemptions_at_purchases on private.promo_redemptions (code) where payment_id is not null;

alter table public.payments add column promo_credits bigint not null default 0,
  add constraint payments_sell_what_a_code_adds check (promo_credits between 0 and credits);
comment on column public.payments.promo_credits is 'How many of credits a promo code adds.';
grant select (promo_credits) on public.payments to authenticated;
