-- admin_get_user(p_user_id) -> jsonb      called by: backend/rpc/acts.py as an admin
-- All of one user on one page: user_row_json, with controls, flags (on or off, and why), credits (as he sees them, null without a wallet),
-- open lots, and the newest 20 of ledger, generations, payments, adjustments and audit rows about him. For support and above.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · user_not_found 404
create or replace function private.admin_get_user(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user jsonb;
  w public.wallets;
begin
  perform private.require_role('support');
  v_user := private.user_row_json(p_user_id);
  if v_user is null then
    raise exception using errcode = 'PT404', message = 'user_not_found',
      detail = jsonb_build_object('user_id', p_user_id)::text, hint = 'There is no such user.';
  end if;
  select * into w from public.wallets x where x.user_id = p_user_id;
  return v_user || jsonb_build_object(
    'concurrency', (select c.user_concurrency from private.user_controls c where c.user_id = p_user_id),
    'flags', private.flag_states(p_user_id),
    'credits', case when w.id is not null then private.credit_figures(w) end,
    'lots', (
      select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'source', g.source, 'amount', g.amount, 'remaining', g.remaining,
        'expires_at', private.rfc3339(g.expires_at), 'created_at', private.rfc3339(g.created_at))
        order by g.expires_at nulls last, g.paid, g.created_at, g.id), '[]')
      from public.credit_grants g where g.wallet_id = w.id and g.open),
    'transactions', (
      select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'kind', t.kind, 'amount', t.amount, 'balance_after', t.balance_after,
        'actor', t.actor, 'reason', t.reason, 'created_at', private.rfc3339(t.created_at)) order by t.id desc), '[]')
      from (select * from public.credit_transactions x where x.wallet_id = w.id order by x.id desc limit 20) t),
    'generations', (
      select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'model', g.model_id, 'status', g.status, 'credits', g.credits_charged,
        'error_code', g.error_code, 'created_at', private.rfc3339(g.created_at)) order by g.created_at desc, g.id desc), '[]')
      from (select * from public.generations x where x.user_id = p_user_id order by x.created_at desc, x.id desc limit 20) g),
    'payments', (
      select coalesce(jsonb_agg(private.payment_json(p) order by p.created_at desc, p.id desc), '[]')
      from (select * from public.payments x where x.user_id = p_user_id order by x.created_at desc, x.id desc limit 20) p),
    'adjustments', (
      select coalesce(jsonb_agg(private.adjustment_json(a) order by a.created_at desc, a.id desc), '[]')
      from (select * from private.credit_adjustments x where x.wallet_id = w.id order by x.created_at desc, x.id desc limit 20) a),
    'audit', (
      select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'actor', a.actor, 'act', a.act, 'outcome', a.outcome, 'reason', a.reason,
        'created_at', private.rfc3339(a.created_at)) order by a.id desc), '[]')
      from (select * from private.audit_log x where x.subject_type = 'user' and x.subject_id = p_user_id::text
            order by x.id desc limit 20) a));
end
$$;

create or replace function public.admin_get_user(p_user_id uuid)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_get_user(p_user_id);
$$;

revoke all on function private.admin_get_user(uuid), public.admin_get_user(uuid) from public, anon, authenticated, service_role;
grant execute on function private.admin_get_user(uuid), public.admin_get_user(uuid) to authenticated;
