-- roll_up_credits(p_uncounted, p_limit) -> (uncounted, counted)      called by: roll_up_statistics
-- Adds up to p_limit ledger rows of p_uncounted to daily_credits, active_wallets and active_counts; returns the ids that are left.
create or replace function private.roll_up_credits(p_uncounted int8multirange, p_limit integer, out uncounted int8multirange, out counted bigint)
language plpgsql
set search_path = ''
as $$
declare
  v_ids int8multirange;
begin
  with fact as materialized (
    select * from private.ledger_facts(p_uncounted, p_limit)
  ), summed as (
    insert into private.daily_credits as d (day, kind, contra, model_id, entries, credits, absorbed)
    select f.day, f.kind, f.contra, f.model_id, count(*), sum(f.credits), sum(f.absorbed) from fact f group by 1, 2, 3, 4
    on conflict (day, kind, contra, model_id) do update
    set entries = d.entries + excluded.entries, credits = d.credits + excluded.credits, absorbed = d.absorbed + excluded.absorbed
  ), active as materialized (
    select p.period, date_trunc(p.period, f.day::timestamp)::date as start, f.wallet_id, count(*) as uses, -sum(f.credits) as credits
    from fact f cross join (values ('day'), ('month')) p (period) where f.kind = 'usage' group by 1, 2, 3
  ), kept as (
    insert into private.active_wallets as w (period, start, wallet_id, uses, credits)
    select a.period, a.start, a.wallet_id, a.uses, a.credits from active a
    on conflict (period, start, wallet_id) do update set uses = w.uses + excluded.uses, credits = w.credits + excluded.credits
    returning w.period, w.start, w.wallet_id, w.uses
  ), fresh as ( -- who has no more uses than were added now is new; nobody is looked for among all wallets of all years
    insert into private.active_counts as n (period, start, wallets)
    select x.period, x.start, count(*)
    from (select k.* from kept k intersect select a.period, a.start, a.wallet_id, a.uses from active a) x group by 1, 2
    on conflict (period, start) do update set wallets = n.wallets + excluded.wallets
  )
  select count(*), range_agg(int8range(f.id, f.id, '[]')) into counted, v_ids from fact f;
  uncounted := p_uncounted - coalesce(v_ids, '{}');
end
$$;

revoke all on function private.roll_up_credits(int8multirange, integer) from public, anon, authenticated, service_role;
