-- expect 5: error destructive-sql drops the table a
-- expect 7: error destructive-sql drops the column b.c
dRoP   TaBlE
    -- why
    /* not */ iF eXiStS "a" ;
;;
alter table b	drop/**/column c;
