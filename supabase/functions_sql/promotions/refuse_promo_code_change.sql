-- refuse_promo_code_change() -> trigger      called by: promo_code_versions, before update, delete and truncate
-- What a code gave when it was redeemed never changes. Refuses: forbidden 403
create or replace function private.refuse_promo_code_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT403', message = 'forbidden',
    hint = 'Versions of promo codes are append-only. admin_create_promo_code makes a new version.';
end
$$;

revoke all on function private.refuse_promo_code_change() from public, anon, authenticated, service_role;

create or replace trigger promo_code_versions_are_append_only
  before update or delete or truncate on private.promo_code_versions
  for each statement execute function private.refuse_promo_code_change();
