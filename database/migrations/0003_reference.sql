-- Master data of the recruitment platform, each column as text as it was sent; models cast it.
-- A row that the source no longer has stays, with removed_at: events of the past still point to it.
set local role transformer;

create table reference.job (
    id bigint primary key,
    created_date text,
    last_modified_date text,
    is_active text,
    title text,
    work_schedule text,
    role_location text,
    resume_option text,
    budget text,
    status text,
    start_date text,
    end_date text,
    close_date text,
    group_id text,
    minor_id text,
    campaign_id text,
    company_id text,
    extra jsonb,
    loaded_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);

create table reference.campaign (
    id bigint primary key,
    created_date text,
    last_modified_date text,
    is_active text,
    campaign_name text,
    budget_total text,
    unit_budget text,
    start_date text,
    end_date text,
    close_date text,
    campaign_status text,
    pacing_unit text,
    company_id text,
    number_of_pacing text,
    bid_set text,
    extra jsonb,
    loaded_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);

create table reference.company (
    id bigint primary key,
    created_date text,
    last_modified_date text,
    is_active text,
    name text,
    manage_type text,
    customer_type text,
    status text,
    flat_rate text,
    percentage_of_click text,
    extra jsonb,
    loaded_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);

create table reference.group (
    id bigint primary key,
    created_date text,
    last_modified_date text,
    is_active text,
    name text,
    budget_group text,
    status text,
    company_id text,
    campaign_id text,
    number_of_pacing text,
    extra jsonb,
    loaded_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);

create table reference.publisher (
    id bigint primary key,
    created_date text,
    last_modified_date text,
    is_active text,
    publisher_name text,
    publisher_type text,
    publisher_status text,
    publisher_frequency text,
    curency text,
    time_zone text,
    cpc_increment text,
    bid_reading text,
    min_bid text,
    max_bid text,
    countries text,
    extra jsonb,
    loaded_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);

create table reference.major_category (
    id bigint primary key,
    name text,
    extra jsonb,
    loaded_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);

create table reference.minor_category (
    id bigint primary key,
    name text,
    major_id text,
    extra jsonb,
    loaded_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);

comment on table reference.job is 'One row per advertised job. Columns as sent; unknown ones in extra; removed_at: gone from the source since.';
comment on table reference.campaign is 'One row per campaign. Columns as sent; unknown ones in extra; removed_at: gone from the source since.';
comment on table reference.company is 'One row per company. Columns as sent; unknown ones in extra; removed_at: gone from the source since.';
comment on table reference.group is 'One row per group of jobs. Columns as sent; unknown ones in extra; removed_at: gone from the source since.';
comment on table reference.publisher is 'One row per publisher. Columns as sent; unknown ones in extra; removed_at: gone from the source since.';
comment on table reference.major_category is 'One row per major category. Columns as sent; unknown ones in extra; removed_at: gone from the source since.';
comment on table reference.minor_category is 'One row per minor category. Columns as sent; unknown ones in extra; removed_at: gone from the source since.';

reset role;
