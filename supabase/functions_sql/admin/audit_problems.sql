-- audit_problems(p_after, p_until) -> rows of problems      called by: verify_audit_log, reconcile_audit_log, scripts/doctor.py
-- Recomputes the chain from the row behind p_after to p_until: rows that were changed, dropped or reordered. It costs in proportion to these rows.
create or replace function private.audit_problems(p_after bigint, p_until bigint)
returns table (id bigint, problem text, detail jsonb)
language sql
stable
set search_path = ''
as $$
  with log as (
    select n.id, a.prev_hash, a.hash, private.audit_hash(a) as recomputed, coalesce(lag(a.hash) over (order by n.id), '') as previous
    from generate_series(greatest(p_after, 1), p_until) n (id) left join private.audit_log a on a.id = n.id
  )
  select l.id, x.problem, x.detail
  from log l cross join lateral (values
    ('row_missing', l.hash is null, '{}'::jsonb),
    ('row_changed', l.hash <> l.recomputed, jsonb_build_object('hash', l.hash, 'recomputed', l.recomputed)),
    ('chain_broken', l.prev_hash <> l.previous, jsonb_build_object('prev_hash', l.prev_hash, 'previous', l.previous))
  ) x (problem, wrong, detail)
  where l.id > p_after and x.wrong
  order by l.id;
$$;

revoke all on function private.audit_problems(bigint, bigint) from public, anon, authenticated, service_role;
