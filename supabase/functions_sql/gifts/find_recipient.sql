-- find_recipient(p_email) -> uuid      called by: gift_credits, deliver_gifts
-- The wallet of who has confirmed this address, made when it is missing; null: nobody yet. An address that was typed in and never
-- confirmed is nobody's, and who is suspended gets nothing until that has ended.
create or replace function private.find_recipient(p_email text)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_user_id uuid := (
    select u.id from auth.users u
    where u.email = p_email and not u.is_sso_user and u.email_confirmed_at is not null and u.deleted_at is null
      and (u.banned_until is null or u.banned_until <= private.clock()));
begin
  if v_user_id is not null then
    return private.ensure_account(v_user_id);
  end if;
  return null;
end
$$;

revoke all on function private.find_recipient(text) from public, anon, authenticated, service_role;
