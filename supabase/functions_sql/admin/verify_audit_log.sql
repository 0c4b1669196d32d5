-- verify_audit_log() -> rows of problems, none when sound      called by: operators, as service_role
-- Recomputes the chain: rows that were changed, dropped, added or reordered, and a tail that was cut off.
create or replace function public.verify_audit_log()
returns table (id bigint, problem text, detail jsonb)
language sql
stable
security definer
set search_path = ''
as $$
  with log as (
    select a.*, private.audit_hash(a) as recomputed, lag(a.hash, 1, ''::bytea) over (order by a.id) as previous
    from private.audit_log a
  )
  select l.id, 'row_changed', jsonb_build_object('hash', l.hash, 'recomputed', l.recomputed)
  from log l where l.hash <> l.recomputed
  union all
  select l.id, 'chain_broken', jsonb_build_object('prev_hash', l.prev_hash, 'previous', l.previous)
  from log l where l.prev_hash <> l.previous
  union all
  select h.rows, 'last_row_missing', jsonb_build_object('rows', h.rows, 'hash', h.hash)
  from private.audit_head h
  where h.rows <> (select count(*) from log l)
    or h.hash <> coalesce((select l.hash from log l order by l.id desc limit 1), ''::bytea);
$$;

revoke all on function public.verify_audit_log() from public, anon, authenticated, service_role;
grant execute on function public.verify_audit_log() to service_role;
