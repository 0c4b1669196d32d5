-- reservation_problems(r) -> rows of problems      called by: verify_ledger
-- What a reservation must agree with: its lots, its one usage row, and the generation that owns it.
create or replace function private.reservation_problems(r public.credit_reservations)
returns table (problem text)
language sql
stable
set search_path = ''
as $$
  select 'hold_without_lots'
  where r.status = 'held' and r.amount <> (select coalesce(sum((e ->> 'amount')::bigint), 0) from jsonb_array_elements(r.lots) e)
  union all
  select 'confirmed_differs_from_ledger'
  where r.status = 'confirmed' and not exists (
    select from (
      select coalesce(-sum(t.amount), 0) as taken, coalesce(sum(t.absorbed), 0) as absorbed
      from public.credit_transactions t where t.reservation_id = r.id and t.kind = 'usage') x
    where x.taken = r.confirmed_amount and x.absorbed = r.absorbed_amount)
  union all
  select 'charged_without_confirm'
  where r.status <> 'confirmed'
    and exists (select from public.credit_transactions t where t.reservation_id = r.id and t.kind = 'usage')
  union all
  select 'hold_of_a_finished_generation'
  where r.status = 'held'
    and exists (select from public.generations g where g.reservation_id = r.id and g.finished_at is not null)
  union all
  select 'generation_charge_differs'
  where exists (
    select from public.generations g
    where g.reservation_id = r.id and g.credits_charged <> coalesce(r.confirmed_amount, 0));
$$;

revoke all on function private.reservation_problems(public.credit_reservations) from public, anon, authenticated, service_role;
