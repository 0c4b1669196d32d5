-- reconcile_audit_log(p_limit) -> jsonb      called by: backend/rpc/reconcile.py as service_role, from the scheduler
-- Verifies the next p_limit rows of the audit log that are new, and p_limit old ones again, in turn: {rows, again, found, left}. found: new problems,
-- kept in private.ledger_problems until they are gone; left: new rows that wait for the next call.
-- Guarantees: it costs in proportion to p_limit and to the problems that are open. A history that was rewritten, hashes and all, shows, since the
-- hash that was verified last is kept; nothing new counts as verified until that is cleared up. Safe to run twice or beside itself.
-- Refuses: invalid_params 422
create or replace function public.reconcile_audit_log(p_limit integer default 20000)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v private.audit_verification;
  v_until bigint;
  v_again bigint;
  v_rows bigint;
  v_found jsonb;
begin
  if p_limit between 1 and 50000 is not true then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "limit"}',
      hint = 'limit is a whole number from 1 to 50000.';
  end if;
  select * into strict v from private.audit_verification x for no key update;
  select h.rows into strict v_rows from private.audit_head h;
  v_until := greatest(v.verified_id, least(v_rows, v.verified_id + p_limit));
  v_again := least(v.verified_id, v.again_id + p_limit);
  select coalesce(jsonb_agg(distinct jsonb_build_object('transaction_id', p.id, 'problem', 'audit_' || p.problem, 'detail', p.detail)), '[]')
  into v_found
  from (
    (select * from private.audit_problems(v.verified_id, v_until) limit 100)
    union all
    (select * from private.audit_problems(v.again_id, v_again) limit 100)
    union all
    select a.* from private.ledger_problems o cross join lateral private.audit_problems(o.transaction_id - 1, o.transaction_id) a
    where o.source = 'audit' and o.resolved_at is null
    union all
    select * from private.audit_head_problems()) p;
  update private.audit_verification x
  set verified_at = private.clock(),
      verified_id = v_until, hash = coalesce((select a.hash from private.audit_log a where a.id = v_until), ''),
      again_id = case when v_again < v.verified_id then v_again else 0 end,
      again_at = case when v_again < v.verified_id then v.again_at else private.clock() end
  where v_found @> '[{"problem": "audit_history_differs"}]' is not true;
  return jsonb_build_object('rows', v_until - v.verified_id, 'again', greatest(0, v_again - v.again_id),
    'found', private.note_ledger_problems('audit', v_found), 'left', greatest(0, v_rows - v_until));
end
$$;

revoke all on function public.reconcile_audit_log(integer) from public, anon, authenticated, service_role;
grant execute on function public.reconcile_audit_log(integer) to service_role;
