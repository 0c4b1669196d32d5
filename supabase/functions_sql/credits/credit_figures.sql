-- credit_figures(w) -> jsonb      called by: get_credit_balance
-- {balance, held, available, low_balance, expiring: [{credits, expires_at}]} as of now, from one statement, whether or not anything swept.
-- In plpgsql, which keeps the plan: making it takes three times as long as following it.
-- The same arithmetic as tidy_wallet, without writing: expired holds count as given back, expired lots as gone.
create or replace function private.credit_figures(w public.wallets)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with now as materialized (
      select private.clock() as now
    ), ended as materialized (
      select r.id, r.amount, r.lots, r.expires_at from public.credit_reservations r, now
      where r.wallet_id = w.id and r.status = 'held' and r.expires_at <= now.now
    ), given_back as (
      select (e ->> 'grant_id')::uuid as grant_id, sum((e ->> 'amount')::bigint) as credits
      from jsonb_array_elements(private.slice_lots(
        (select coalesce(jsonb_agg(l.lot order by h.expires_at, h.id, l.n), '[]')
         from ended h, jsonb_array_elements(h.lots) with ordinality as l (lot, n)), w.debt)) e
      group by 1
    ), lots as ( -- in two parts, each by an index: what is open, and what only ended holds give back to
      select g.expires_at, g.remaining as credits, g.expires_at <= now.now as gone
      from now, public.credit_grants g
      where g.wallet_id = w.id and g.open
      union all
      select g.expires_at, b.credits, g.expires_at <= now.now
      from now, given_back b join public.credit_grants g on g.id = b.grant_id
    ), figures as (
      select w.balance - (select coalesce(sum(l.credits), 0) from lots l where l.gone) as balance,
             w.held - (select coalesce(sum(h.amount), 0) from ended h) as held
    )
    select jsonb_build_object(
      'balance', f.balance, 'held', f.held, 'available', f.balance - f.held,
      'low_balance', f.balance - f.held < w.low_balance_threshold,
      'expiring', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'credits', x.credits, 'expires_at', private.rfc3339(x.expires_at)) order by x.expires_at), '[]')
        from (select l.expires_at, sum(l.credits) as credits from lots l where not l.gone group by 1) x))
    from figures f);
end
$$;

revoke all on function private.credit_figures(public.wallets) from public, anon, authenticated, service_role;
