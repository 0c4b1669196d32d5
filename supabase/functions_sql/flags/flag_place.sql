-- flag_place(p_key, p_user_id) -> integer      called by: flag_reason
-- The place of a user among 100, from 0, for one flag; it never changes. Null for nobody.
create or replace function private.flag_place(p_key text, p_user_id uuid)
returns integer
language sql
immutable
set search_path = ''
as $$
  select (('x' || encode(substr(sha256(convert_to(p_key || ':' || p_user_id, 'UTF8')), 1, 4), 'hex'))::bit(32)::bigint % 100)::integer;
$$;

revoke all on function private.flag_place(text, uuid) from public, anon, authenticated, service_role;
