-- audit_head_problems() -> rows of problems      called by: verify_audit_log, reconcile_audit_log, scripts/doctor.py
-- The head is the last row: no row was cut off or added behind it, and what was verified before still stands there. It reads three rows.
create or replace function private.audit_head_problems()
returns table (id bigint, problem text, detail jsonb)
language sql
stable
set search_path = ''
as $$
  select null::bigint, 'head_differs', jsonb_build_object('rows', h.rows, 'hash', h.hash, 'last_id', l.id, 'last_hash', l.hash)
  from private.audit_head h left join (select a.id, a.hash from private.audit_log a order by a.id desc limit 1) l on true
  where h.rows <> coalesce(l.id, 0) or h.hash <> coalesce(l.hash, '')
  union all
  select v.verified_id, 'history_differs', jsonb_build_object('verified_hash', v.hash, 'hash', a.hash)
  from private.audit_verification v left join private.audit_log a on a.id = v.verified_id
  where v.hash <> coalesce(a.hash, '');
$$;

revoke all on function private.audit_head_problems() from public, anon, authenticated, service_role;
