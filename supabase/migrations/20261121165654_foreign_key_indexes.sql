-- What refers to another table is found from there, and no table of the API's schema is without a policy.
set lock_timeout = '4s';
set statement_timeout = '60s';

create index payments_by_package on public.payments (package_id);
create index payments_by_plan on public.payments (plan_id);
create index auto_topups_by_package on public.auto_topups (package_id);
create index subscriptions_by_plan on public.subscriptions (plan_id);
create index subscriptions_by_wallet on public.subscriptions (wallet_id);
create index payment_history_by_transaction on private.payment_history (transaction_id);
create index promo_redemptions_by_version on private.promo_redemptions (code, version);
create index promo_redemptions_by_transaction on private.promo_redemptions (transaction_id);

create policy "read by functions alone" on public.model_prices for select to authenticated using (false);
